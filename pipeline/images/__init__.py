"""Fetches, checks, stores and resizes the images of a dataset."""
