"""Judging of answers: cleaning, rules, statuses, and the word lists they need."""
