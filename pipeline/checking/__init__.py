"""Implements `entityclip check`: the module `check` runs all checks, and `report` defines the result."""
