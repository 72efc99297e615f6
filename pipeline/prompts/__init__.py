"""Prompt templates, the shipped ones among them."""
