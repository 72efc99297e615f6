"""Imports explanations that were generated and released by others."""
