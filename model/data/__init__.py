"""From explanation shards to batches: shards, receipts, images, rows, workers."""
