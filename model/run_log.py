"""What a run leaves behind for readers: a line per step while it runs, and at the end what it was made of."""

import json
from pathlib import Path
from typing import Any, Self

import torch

from model.code_version import code_version
from model.entityclip import EntityCLIP
from model.settings import TrainSettings
from model.triples import TripleSet

LOG = "log.jsonl"
_NAMED_FAILURES = 100


class RunLog:
    """`RUN/log.jsonl`: JSON lines, `kind` "step" or "validation", flushed as they come."""

    def __init__(self, run: Path) -> None:
        self._path = run / LOG

    def __enter__(self) -> Self:
        self._file = self._path.open("w", encoding="utf-8")
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def step(
        self,
        step: int,
        losses: dict[str, float],
        report: dict[str, float],
        rates: dict[str, float],
        seconds: float,
    ) -> None:
        """One optimiser step; `seconds` since the start, validations not counted."""
        self._write({"kind": "step", "step": step, "losses": losses, "report": report, "lr": rates, "seconds": seconds})

    def validation(self, step: int, metrics: dict[str, Any], seconds: float) -> None:
        """Retrieval on the validation split."""
        self._write({"kind": "validation", "step": step, "metrics": metrics, "seconds": seconds})

    def _write(self, line: dict[str, Any]) -> None:
        print(json.dumps(line, allow_nan=False), file=self._file, flush=True)


def describe_origin(settings: TrainSettings, splits: dict[str, TripleSet]) -> dict[str, Any]:
    """What a run is made from, known before its first step: settings, seed, code, shards by use ("train", "val")."""
    return {
        "settings": settings.as_plain(),
        "seed": settings.seed,
        "allow_partial": settings.data.allow_partial,
        "wrong_explanations": settings.data.wrong_explanations,
        "versions": code_version(),
        "data": {name: triples.source.record() for name, triples in splits.items()},
    }


def describe_run(
    origin: dict[str, Any], device: torch.device, model: EntityCLIP, splits: dict[str, TripleSet]
) -> dict[str, Any]:
    """The origin of a finished run, and what became of it: device, parameters, and rows by use."""
    towers = sum(p.numel() for p in model.clip.parameters())
    return {
        **origin,
        "device": device.type,
        "threads": torch.get_num_threads(),
        "parameters": {
            "towers": towers,
            "training_only": sum(p.numel() for p in model.parameters()) - towers,
        },
        "data": {name: origin["data"][name] | _describe_rows(triples) for name, triples in splits.items()},
    }


def _describe_rows(triples: TripleSet) -> dict[str, Any]:
    named = dict(list(triples.failures.items())[:_NAMED_FAILURES])
    return {
        "rows": len(triples),
        "truncated_captions": triples.truncation.captions,
        "truncated_explanations": triples.truncation.explanations,
        "failed_images": {"count": len(triples.failures), "named": named},
    }
