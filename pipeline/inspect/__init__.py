"""Looking into explanation shards: what they are, counts, samples, differences, extracts. Nothing there is changed."""
