"""A report on runs as one self-contained HTML page, with its plots as PNG files."""
