"""Generates explanations bucket by bucket: spooling, resuming, rows and progress."""
