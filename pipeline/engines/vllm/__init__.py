"""vLLM: start and supervise a server, and generate through its HTTP API."""
