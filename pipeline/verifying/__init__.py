"""Verifies an output: every byte, row, id and status, against receipts and plan (`entityclip verify`)."""
