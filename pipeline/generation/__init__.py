"""Explanations made, bucket by bucket: spool, resume, rows, progress."""
