"""Fictional noble houses: a caption names a house, only an encyclopedia says what its shield looks like."""
