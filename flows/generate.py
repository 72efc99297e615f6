"""The flow that generates explanations: all shards in this run, or in ranges on a work pool."""

from pathlib import Path

from prefect import flow

from flows.orchestration.artifacts import publish_explanations
from flows.orchestration.buckets import RUNNER, make_buckets
from flows.orchestration.fan_out import generate_in_ranges
from flows.orchestration.parameters import Positive, Ranges, RedoStatuses
from flows.orchestration.states import account, completed, rows_by_status
from flows.project_paths import in_project, location_in_project
from pipeline.generation.redo import parse_redo
from pipeline.generation.summary import GenerationSummary
from pipeline.job import open_job
from pipeline.manifest.engine_kind import EngineKind


@flow(name="generate-explanations", task_runner=RUNNER)
def generate_explanations(
    manifest: Path,
    limit: Positive | None = None,
    engine: EngineKind | None = None,
    output: str | None = None,
    redo: RedoStatuses | None = None,
    redo_max_tokens: Positive | None = None,
    ranges: Ranges = 1,
) -> GenerationSummary:
    """Generate the explanations of a manifest into Parquet shards; what is there already is kept.

    Args:
        manifest: YAML file that names dataset, model, prompt and sampling; a relative path starts at the project.
        limit: generate for the first so many pairs only; the others keep what they have.
        engine: another engine than the manifest's, at its defaults.
        output: another output folder (a relative path starts at the project) or URL than the manifest's.
        redo: generate rows with these statuses again and keep the rest, such as `truncated,error`.
        redo_max_tokens: longest explanation of the redone rows, in tokens.
        ranges: split the shards into so many ranges, each a flow run of its own on the work pool.
    """
    again = parse_redo(redo, redo_max_tokens)
    job = open_job(in_project(manifest), engine=engine, output=output and location_in_project(output))
    if ranges == 1:
        summary = make_buckets(job, limit, again)
        message = account(summary)
    else:
        same = {"engine": engine, "output": output, "redo": redo, "redo_max_tokens": redo_max_tokens}
        summary = generate_in_ranges(job, ranges, limit, {"manifest": str(manifest), "limit": limit, **same})
        message = f"{rows_by_status(summary)}; made in ranges"
    publish_explanations(job, summary)
    return completed(summary, message)
