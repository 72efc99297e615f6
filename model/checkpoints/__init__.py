"""Checkpoints, saved training states, and checkpoints of the authors' code (ETE)."""
