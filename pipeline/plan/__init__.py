"""Which pair has which key, and which bucket makes it."""
