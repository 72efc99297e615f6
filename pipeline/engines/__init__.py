"""Engines: requests in, completions out as they finish. One small protocol, two implementations."""
