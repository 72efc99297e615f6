"""Data loading, from explanation shards to batches."""
