"""Images of pairs: found, checked, resized."""
