"""Inspects explanation shards without changing them: summaries, counts, samples, differences, exports."""
