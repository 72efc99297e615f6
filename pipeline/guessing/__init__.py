"""Guesses a manifest's `dataset` section from the data itself, for `entityclip init`."""
