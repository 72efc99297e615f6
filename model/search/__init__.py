"""Exact search over the images of an index or of an evaluated split."""
