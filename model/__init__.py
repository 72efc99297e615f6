"""EntityCLIP: triples -> training -> evaluation -> report. Imports neither Prefect nor `pipeline`."""
