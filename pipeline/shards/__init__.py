"""Explanation shards and receipts in a storage, and who may write them. `entityclip.contract` says what they are."""
