"""Engines turn requests into completions, yielded as they finish. One protocol, two implementations."""
