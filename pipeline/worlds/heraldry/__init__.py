"""A world of fictional noble houses: captions name a house, but only an encyclopedia describes its shield."""
