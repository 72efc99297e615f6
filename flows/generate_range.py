"""The flow that generates one range of a dataset's shards, started by `generate-explanations` on a work pool."""

from pathlib import Path

from prefect import flow

from flows.orchestration.bucket_tasks import RUNNER, make_buckets
from flows.orchestration.parameters import Bucket, Positive, RedoStatuses
from flows.orchestration.states import completed, summary_line
from flows.project_paths import in_project, location_in_project
from pipeline.generation.redo import parse_redo
from pipeline.generation.summary import GenerationSummary
from pipeline.job import open_job
from pipeline.manifest.engine_kind import EngineKind


@flow(name="generate-range", task_runner=RUNNER)
def generate_range(
    manifest: Path,
    first: Bucket,
    last: Bucket,
    limit: Positive | None = None,
    engine: EngineKind | None = None,
    output: str | None = None,
    redo: RedoStatuses | None = None,
    redo_max_tokens: Positive | None = None,
) -> GenerationSummary:
    """Generate the shards `first` to `last` (inclusive) of the dataset in a manifest.

    Args:
        manifest: YAML file that names dataset, model, prompt and sampling; may be relative to the project's root.
        first: number of the first shard, counted from 0.
        last: number of the last shard.
        limit: generate for the first `limit` pairs of the whole dataset only.
        engine: engine to use, with its default settings, instead of the engine in the manifest.
        output: folder (may be relative to the project's root) or URL to use instead of the manifest's output.
        redo: statuses of rows to generate again, such as `truncated,error`.
        redo_max_tokens: maximum length of the regenerated explanations, in tokens.
    """
    location = output and location_in_project(output)
    job = open_job(in_project(manifest), engine=engine, output=location, buckets=range(first, last + 1))
    summary = make_buckets(job, limit, parse_redo(redo, redo_max_tokens))
    return completed(summary, summary_line(summary))
