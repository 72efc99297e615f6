"""Reading, writing and locking of explanation shards and receipts, which `entityclip.contract` defines."""
