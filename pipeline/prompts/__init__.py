"""Prompt templates, including the shipped ones."""
