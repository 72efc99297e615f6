"""Code shared by generation and training, which do not import each other."""
