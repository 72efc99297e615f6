"""Imports explanations that others generated and released."""
