"""What generation and training must agree on, as code: both import it, and neither imports the other."""
