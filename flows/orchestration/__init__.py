"""Prefect integration except the flows themselves: states, artifacts, fan-out, the local server."""
