"""Cleaning and judging of answers, with the rules and the word lists that they need."""
