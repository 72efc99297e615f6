"""Starts and supervises a vLLM server, and generates through its HTTP API."""
