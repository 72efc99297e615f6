"""Explanation shards: schema, statuses, receipts, and who may write them."""
