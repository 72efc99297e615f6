"""Inspects explanation shards without changing them: summaries, counts, samples, comparisons, exports."""
