"""Prefect integration apart from the flows themselves: states, artifacts, fan-out and the local server."""
