"""Implements `entityclip check`: `check` runs all checks, and `report` defines the result."""
