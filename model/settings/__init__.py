"""Training settings: their fields, the presets, and how a file and overrides are read."""
