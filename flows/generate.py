"""The flow that generates explanations: prepare, then one task per shard."""

import time
from contextlib import ExitStack
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from pipeline.engines.open_engine import engine_for
from pipeline.engines.protocol import Engine
from pipeline.generate import Receipt, make_shard
from pipeline.job import open_job
from pipeline.manifest import EngineKind
from pipeline.output import single_writer
from pipeline.prepare import prepare
from pipeline.progress import GenerationProgress
from pipeline.summary import GenerationSummary, summarise


@flow(name="generate-explanations")
def generate_explanations(
    manifest: Path,
    limit: int | None = None,
    engine: EngineKind | None = None,
    output: Path | None = None,
) -> GenerationSummary:
    """Generate the explanations of a manifest into Parquet shards; what is there already is kept.

    Args:
        manifest: the YAML file that describes dataset, model, prompt and sampling.
        limit: generate for the first so many pairs only; the others keep what they have.
        engine: another engine than the manifest's, at its defaults.
        output: another output folder than the manifest's.
    """
    job = open_job(manifest, engine=engine, output=output)
    with ExitStack() as stack:
        stack.enter_context(single_writer(job.output))
        works = prepare(job, limit)
        started = time.monotonic()
        total = sum(len(work.requests) for work in works)
        running: Engine | None = stack.enter_context(engine_for(job)) if total else None
        progress = stack.enter_context(GenerationProgress(total))

        @task(name="make-shard", task_run_name="{split}-{shard}", cache_policy=NO_CACHE)
        def make(split: str, shard: int) -> Receipt:
            work = next(w for w in works if (w.split, w.shard) == (split, shard))
            return make_shard(job, work, running, progress.add)

        receipts = [make(work.split, work.shard) for work in works]
        described = f"{running.name} {running.version}" if running else None
        return summarise(job, receipts, described, time.monotonic() - started)
