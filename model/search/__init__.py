"""A gallery of embedded images, and queries against it."""
