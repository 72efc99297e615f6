"""Checkpoints, saved training states, and the import of checkpoints made by the authors' code (ETE)."""
