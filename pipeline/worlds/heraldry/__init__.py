"""A world of fictional noble houses: captions name a house; only an encyclopedia describes its shield."""
