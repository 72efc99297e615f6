"""Generation of explanations bucket by bucket: spool, resume, rows, progress."""
