"""open_clip's towers: loading, saving, tokenization and token features."""
