"""Synthetic worlds that ship with the project, for the demo, the tests and the benchmark."""
