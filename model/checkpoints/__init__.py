"""Checkpoints, saved training states, and import of checkpoints of the authors' code (ETE)."""
