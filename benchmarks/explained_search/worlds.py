"""Builds the worlds' language models, and lets them explain the captions."""

from collections.abc import Sequence

from benchmarks.ablation.worlds import World, build_models
from pipeline.generation.generate import generate
from pipeline.job import open_job


def prepare_worlds(worlds: Sequence[World], workers: int) -> None:
    """Build missing models, and generate missing explanations."""
    build_models(list(worlds), {}, workers)
    for world in worlds:
        world.write_manifest()
        generate(open_job(world.manifest))
