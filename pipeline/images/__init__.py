"""Images of pairs: fetching, checking, resizing."""
