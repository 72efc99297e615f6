"""Everything that speaks to Prefect, but for the flows themselves: states, artifacts, fan-out, the local server."""
