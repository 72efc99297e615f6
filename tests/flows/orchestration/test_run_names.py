"""What the list of flow runs in Prefect's UI says of each."""

from pathlib import Path
from typing import Any

import pytest

from flows.orchestration.run_names import name_of

_DEFAULTS = {"limit": None, "engine": None, "redo": None, "ranges": 1, "nproc": 1, "overwrite": False}


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"manifest": Path("data_manifests/heraldry.yaml")}, "heraldry"),
        ({"manifest": "data_manifests/heraldry.yaml", "limit": 1, "ranges": 2}, "heraldry limit=1 ranges=2"),
        ({"manifest": "/data/fairs/manifest.yaml", "redo": "error"}, "fairs redo=error"),
        ({"manifest": "manifest.yaml"}, "manifest"),
        ({"manifest": "m.yaml", "first": 0, "last": 3}, "m shards 0-3"),
        (
            {"config": "c.yaml", "run": "runs/heraldry/short", "overrides": ["optim.steps=30", "seed=1"], "nproc": 2},
            "heraldry/short nproc=2 optim.steps=30 seed=1",
        ),
        ({"config": "c.yaml", "run": "runs/mine", "overwrite": True}, "mine overwrite"),
        ({"manifest": "data_manifests/n24news.yaml", "config": "c.yaml", "out": "runs/n24news"}, "n24news"),
        ({"run": "runs/mine", "splits": ["x" * 200]}, f"mine splits=['{'x' * 106}"),
    ],
)
def test_a_run_is_named_by_what_it_works_on(parameters: dict[str, Any], name: str) -> None:
    assert name_of(_DEFAULTS | parameters) == name
