"""Checkpoints, saved training states, and import of checkpoints from the authors' code (ETE)."""
