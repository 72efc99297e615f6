"""The protocol for engines, which turn requests into a stream of completions, and its two implementations."""
