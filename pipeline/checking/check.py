"""Checks a manifest and its data before a long run, and reports what the run would do and what is wrong.

Writes only the files that reading a dataset always creates, such as generated demo data or extracted images. If a step
fails, the failure is reported as a finding, and steps that do not depend on it still run.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from entityclip.contract.progress import Progress
from pipeline.checking import dataset as of_dataset
from pipeline.checking.images import ImageLook, choose, image_counts, image_findings, look_at_images
from pipeline.checking.leaks import leak_findings, leaked_content_findings
from pipeline.checking.probe import estimate_findings, probe_engine
from pipeline.checking.repeats import first_rows, later_rows, repeat_findings, repeated_content_findings
from pipeline.checking.report import (
    SEVERITIES,
    CheckReport,
    Code,
    Estimate,
    Finding,
    Languages,
    Lengths,
    LlmMemory,
    status_of,
)
from pipeline.checking.resources import llm_memory
from pipeline.checking.samples import rendered_prompts, samples_of
from pipeline.checking.survey import NOTHING, Survey, survey
from pipeline.checking.work import (
    PlannedWork,
    damage_findings,
    length_findings,
    plan_work,
    prompt_findings,
)
from pipeline.engines.factory import check_model
from pipeline.errors import PipelineError
from pipeline.generation.redo import NOTHING as NO_REDO, Redo
from pipeline.generation.run import rare_collections
from pipeline.images.remote import fetch_images
from pipeline.job import Job, open_job
from pipeline.judge.languages import language_of
from pipeline.judge.rules import open_judge
from pipeline.manifest.engine_kind import EngineKind
from pipeline.manifest.manifest import Manifest, load_manifest
from pipeline.readers import read_pairs
from pipeline.readers.notes import ReaderNotes

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class CheckOptions:
    """Options for a check.

    Attributes:
        sample: number of images to decode.
        full: whether to decode all images instead of a sample.
        workers: number of decoding threads; None for one per core.
        languages: whether to detect the language of each caption.
        limit: plan a run for the first `limit` pairs only.
        redo: which rows the run would generate again.
        probe: number of prompts to send to the engine; with 0 the engine is not started.
        generation: whether to check the generation settings at all.
    """

    sample: int = 1000
    full: bool = False
    workers: int | None = None
    languages: bool = False
    limit: int | None = None
    redo: Redo = NO_REDO
    probe: int = 0
    generation: bool = True


def check_manifest(
    path: Path,
    options: CheckOptions | None = None,
    *,
    engine: EngineKind | None = None,
    output: Path | str | None = None,
) -> CheckReport:
    """Check a manifest: compare its pairs, decode images, plan a run, and send `options.probe` prompts to the engine.

    Args:
        engine, output: override the manifest's settings; see `open_job`.

    Raises:
        PipelineError: the manifest cannot be read.
    """
    manifest = load_manifest(path)
    options = options or CheckOptions()
    steps = _Steps()
    notes = ReaderNotes()
    look = planned = estimate = lengths = languages = None
    with rare_collections(), tempfile.TemporaryDirectory(prefix="entityclip-check-") as folder:
        job = None
        if options.generation:
            job = steps.take("cannot_open", lambda: _open(path, engine, output))
        data = steps.take("cannot_read", lambda: _read(manifest, options, notes, Path(folder) / "rows.arrow"))
        if data is not None and len(data.rows):
            with steps.timed("compare"):
                lengths, languages = _compare(data, manifest, steps.findings)
            with steps.timed("images"):
                look = _look(data, manifest, options, steps.findings)
            if job is not None:
                plan = partial(_plan, job, data, look, options, Path(folder), steps.findings)
                planned = steps.take("cannot_plan", plan)
                if planned is not None and planned.requests and status_of(steps.findings) != "error":
                    estimate = steps.take("cannot_probe", partial(_probe, job, planned, steps.findings))
        elif data is not None:
            steps.findings.append(of_dataset.no_pairs())
        return CheckReport(
            manifest=str(path),
            dataset=manifest.name,
            status=status_of(steps.findings),
            full=options.full,
            reading=notes.lines(),
            splits=of_dataset.split_counts(data) if data is not None else {},
            images=image_counts(look, len(first_rows(data.images))) if data is not None and look is not None else None,
            caption_tokens=lengths,
            prompt_tokens=planned.prompt_tokens if planned is not None else None,
            languages=languages,
            findings=sorted(steps.findings, key=lambda finding: SEVERITIES.index(finding.severity)),
            samples=samples_of(data.rows, manifest, job if planned else None) if data is not None else [],
            prompts=rendered_prompts(data.rows, job) if data and job and planned else [],
            work=planned.work if planned is not None else None,
            estimate=estimate,
            llm=_llm_memory(job) if job is not None else None,
            seconds=steps.seconds,
        )


def unreadable_manifest(path: Path, error: PipelineError) -> CheckReport:
    """Return a report whose only finding is that the manifest cannot be read."""
    finding = of_dataset.failed("cannot_load", error)
    return CheckReport(manifest=str(path), status="error", findings=[finding])


class _Steps:
    """Collects findings, and the duration of each step in seconds."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Record how long the `with` block takes as the duration of the step `name`."""
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began

    def take(self, failure: Code, step: Callable[[], _Result]) -> _Result | None:
        """Run and time a step, and return its result. If the step fails, record a finding and return None."""
        with self.timed(failure.removeprefix("cannot_")):
            try:
                return step()
            except PipelineError as error:
                self.findings.append(of_dataset.failed(failure, error))
                return None


def _open(path: Path, engine: EngineKind | None, output: Path | str | None) -> Job:
    job = open_job(path, engine=engine, output=output)
    check_model(job)
    return job


def _read(manifest: Manifest, options: CheckOptions, notes: ReaderNotes, file: Path) -> Survey:
    judge = open_judge(manifest)
    with Progress("read", "pairs") as progress:
        return survey(
            progress.over(read_pairs(manifest, notes)),
            file,
            count_clip_tokens=judge.count_tokens,
            context_length=judge.settings.clip_context_length,
            language_of=language_of if options.languages else None,
        )


def _compare(data: Survey, manifest: Manifest, findings: list[Finding]) -> tuple[Lengths | None, Languages | None]:
    judging = manifest.generation.judge
    lengths, long_captions = of_dataset.caption_lengths(data, judging.clip_context_length)
    languages, other_languages = of_dataset.caption_languages(data, judging.language)
    findings += of_dataset.split_findings(data, manifest.dataset) + of_dataset.empty_caption_findings(data)
    findings += of_dataset.caption_text_findings(data)
    findings += repeat_findings(data) + leak_findings(data) + long_captions + other_languages
    return lengths, languages


def _look(data: Survey, manifest: Manifest, options: CheckOptions, findings: list[Finding]) -> ImageLook:
    distinct = first_rows(data.images)
    chosen = distinct if options.full else choose(distinct, options.sample)
    fetch_images(manifest, (data.rows.pair(row).image for row in chosen))
    look = look_at_images(data.rows, chosen, manifest.image_root, options.workers)
    findings += image_findings(look, data.rows)
    findings += repeated_content_findings(data, look) + leaked_content_findings(data, look)
    return look


def _plan(
    job: Job, data: Survey, look: ImageLook, options: CheckOptions, folder: Path, findings: list[Finding]
) -> PlannedWork:
    repeated = set(later_rows(data.ids).tolist())
    unusable = set(data.images[look.rows[look.contents == NOTHING]].tolist())
    planned = plan_work(
        job,
        (pair for row, pair in enumerate(data.rows.pairs()) if row not in repeated),
        folder,
        total=len(data.rows) - len(repeated),
        limit=options.limit,
        redo=options.redo,
        requests=options.probe,
        image_problem=lambda image: "cannot be used" if hash(image) in unusable else None,
    )
    findings += length_findings(planned.prompt_tokens) + prompt_findings(job.prompts)
    findings += damage_findings(planned.damaged)
    return planned


def _llm_memory(job: Job) -> LlmMemory | None:
    generation = job.manifest.generation
    return llm_memory(job.model, generation.engine.dtype, generation.max_model_len)


def _probe(job: Job, planned: PlannedWork, findings: list[Finding]) -> Estimate:
    estimate = probe_engine(job, planned.requests, planned.work)
    findings += estimate_findings(estimate)
    return estimate
