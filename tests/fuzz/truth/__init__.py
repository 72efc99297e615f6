"""Fuzzing against a known truth: no text is lost unsaid, no row is wrong unsaid. Run `python -m tests.fuzz.truth`."""
