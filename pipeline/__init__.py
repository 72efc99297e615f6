"""Generation: manifest -> plan -> explanations -> Parquet shards. Imports neither Prefect nor `model`."""

from amx_cure import avoid_doubtful_amx

avoid_doubtful_amx()
