"""The flow that generates explanations: plan, then one task per bucket."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner

from pipeline.engines.lazy import LazyEngine
from pipeline.engines.open_engine import engine_for
from pipeline.error_limit import ErrorLimit
from pipeline.errors import PipelineError
from pipeline.generate import Receipt, make_bucket
from pipeline.job import open_job
from pipeline.manifest import EngineKind
from pipeline.output import single_writer
from pipeline.prepare import prepare, shards_there
from pipeline.progress import GenerationProgress
from pipeline.redo import parse_redo
from pipeline.run import Run
from pipeline.summary import GenerationSummary, summarise

# Several buckets at once, so that the tail of one leaves no slot of the engine empty.
_RUNNER: Any = ThreadPoolTaskRunner(max_workers=4)


@flow(name="generate-explanations", task_runner=_RUNNER)
def generate_explanations(
    manifest: Path,
    limit: int | None = None,
    engine: EngineKind | None = None,
    output: Path | str | None = None,
    redo: str | None = None,
    redo_max_tokens: int | None = None,
) -> GenerationSummary:
    """Generate the explanations of a manifest into Parquet shards; what is there already is kept.

    Args:
        manifest: the YAML file that describes dataset, model, prompt and sampling.
        limit: generate for the first so many pairs only; the others keep what they have.
        engine: another engine than the manifest's, at its defaults.
        output: another output folder or URL than the manifest's.
        redo: generate rows with these statuses again and keep the rest, such as `truncated,error`.
        redo_max_tokens: longest explanation of the redone rows, in tokens.
    """
    again = parse_redo(redo, redo_max_tokens)
    job = open_job(manifest, engine=engine, output=output)
    with ExitStack() as stack:
        stack.enter_context(single_writer(job.work, job.buckets))
        there = shards_there(job)
        plan = prepare(job, limit)
        began = time.monotonic()
        engine_of_run = stack.enter_context(LazyEngine(lambda: engine_for(job)))
        progress = stack.enter_context(GenerationProgress(sum(plan.pairs.values())))
        run = Run(job, plan, there, engine_of_run, progress, ErrorLimit(job.manifest.generation.max_error_share), again)

        @task(name="make-bucket", task_run_name="bucket-{bucket}", cache_policy=NO_CACHE)
        def make(bucket: int) -> Receipt:
            try:
                return make_bucket(run, bucket)
            except PipelineError as error:
                run.engine.give_up(str(error))
                raise

        buckets = [make.submit(bucket) for bucket in plan.buckets]
        try:
            receipts = [bucket.result() for bucket in buckets]
        except KeyboardInterrupt:
            run.engine.give_up("interrupted")  # or the buckets would go on to their ends
            raise
        ran = run.engine.opened
        described = f"{ran.name} {ran.version}" if ran else None
        return summarise(job, receipts, described, time.monotonic() - began)
