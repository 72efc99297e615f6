"""Report on runs: one self-contained HTML page, and its plots as PNG files."""
