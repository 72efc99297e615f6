"""CLIP towers of open_clip: loaded, saved, tokenised for, and read token by token."""
