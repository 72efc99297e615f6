"""Generation: manifest -> plan -> explanations -> Parquet shards. Imports neither Prefect nor `model`."""
