"""EntityCLIP: triples -> training -> evaluation -> report. Imports neither Prefect nor `pipeline`."""

from amx_cure import avoid_doubtful_amx

avoid_doubtful_amx()
