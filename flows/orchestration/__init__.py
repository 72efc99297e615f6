"""Prefect integration apart from the flows themselves: states, artifacts, fan-out, the local server."""
