"""Released explanations into our shards, by the same way as generated ones: plan, rows, shards, receipts."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from entityclip.contract.locations import is_url
from pipeline.engines.base import Completion, Request
from pipeline.engines.lazy import LazyEngine
from pipeline.errors import PipelineError
from pipeline.generation.bucket import BucketReport, make_bucket
from pipeline.generation.prepare import shards_there
from pipeline.generation.progress import GenerationProgress
from pipeline.generation.run import ErrorLimit, Run
from pipeline.import_released.texts import ImportedTexts, imported_key
from pipeline.job import Job
from pipeline.judge.process import JudgeProcess
from pipeline.judge.rules import open_judge
from pipeline.llm import LanguageModel
from pipeline.manifest.manifest import load_manifest
from pipeline.plan.plan import PlannedPair, plan_pairs, write_plan
from pipeline.prompts.template import Message, PromptTemplate
from pipeline.readers import read_pairs
from pipeline.readers.notes import ReaderNotes
from pipeline.shards.writer_lock import single_writer

IMPORTED = "imported"
UNKNOWN = "unknown"


class _NamedModel(LanguageModel):
    """A model of which only the name is known: nothing is loaded."""

    chat_template_digest = UNKNOWN

    def encode(self, chats: list[list[Message]]) -> list[list[int]]:
        return [[] for _ in chats]


@dataclass(frozen=True)
class ImportJob(Job):
    """A job whose texts come from files; its shards say nothing of the manifest's model, prompt and sampling.

    Attributes:
        sources: name and SHA-256 of each file.
    """

    sources: list[dict[str, str]] = field(default_factory=list)

    def provenance(self, split: str, shard: int) -> dict[str, Any]:
        """What a shard's footer says of its origin."""
        unknown = {"chat_template": UNKNOWN, "sampling": None, "max_model_len": None, "send_image": None}
        engine = {"kind": IMPORTED, "files": self.sources}
        prompt = {"name": IMPORTED, "system": "", "user": UNKNOWN, "examples": []}
        return {**super().provenance(split, shard), **unknown, "prompt": prompt, "engine": engine}


class ImportedEngine:
    """Answers every request from the files."""

    name = IMPORTED
    restarts = 0

    def __init__(self, texts: ImportedTexts) -> None:
        self._texts = texts
        self.version = ", ".join(f"{file['name']} sha256:{file['sha256']}" for file in texts.files)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """The texts; finish reason and token counts are not known."""
        for request in requests:
            yield Completion(request.key, self._texts.text(request.key))


@dataclass(frozen=True)
class ImportSummary:
    """What an import came to.

    Attributes:
        matched, missing: pairs with and without a text, by split; a missing one has no row and is pending.
        surplus: texts that belong to no pair; unusable: entries whose value is no text.
        counts: rows by split and status.
    """

    output: str
    model: str
    reading: list[str]
    matched: Counter[str]
    missing: Counter[str]
    surplus: int
    unusable: int
    counts: dict[str, Counter[str]]

    def lines(self) -> list[str]:
        """What there is to say, for people."""
        rows = {
            split: ", ".join(f"{n:,} {s}" for s, n in sorted(found.items())) for split, found in self.counts.items()
        }
        return [
            *self.reading,
            f"matched: {_by_split(self.matched)}",
            f"missing: {_by_split(self.missing)}",
            f"surplus texts: {self.surplus:,}; entries that are no text: {self.unusable:,}",
            *(f"rows of {split}: {found}" for split, found in sorted(rows.items())),
            f"shards: {self.output}",
        ]


def import_explanations(
    manifest_path: Path, files: Sequence[Path], *, model: str = UNKNOWN, output: Path | str | None = None
) -> ImportSummary:
    """Write the dataset's shards with the texts of these files; what an earlier import wrote there is replaced.

    A text belongs to a pair if its name in the file ends in the path of the pair's image below the image root.

    Args:
        model: the LLM that wrote the texts, as far as known.
        output: by default the manifest's output with `-imported` added, so that generated texts stay.

    Raises:
        PipelineError: a file is no JSON object, no text belongs to a pair, or as generating would.
    """
    if not files:
        raise PipelineError("no file of explanations is named")
    with tempfile.TemporaryDirectory() as folder:
        texts = ImportedTexts(files, model, Path(folder))
        try:
            return _import(_job(manifest_path, texts, model, output), texts)
        finally:
            texts.close()


def _job(manifest_path: Path, texts: ImportedTexts, model: str, output: Path | str | None) -> ImportJob:
    manifest = load_manifest(manifest_path)
    if output is None and is_url(manifest.output):
        raise PipelineError(f"{manifest_path}: the output is a URL; say with --out where imported explanations go")
    if output is None:
        location = f"{manifest.output.rstrip('/')}-{IMPORTED}"
    else:
        location = str(output) if is_url(str(output)) else str(Path(output).resolve())
    generation = manifest.generation.model_copy(update={"send_image": False})
    manifest = manifest.with_changes({"output": location, "work": None, "generation": generation})
    prompt = PromptTemplate(name=IMPORTED, user=UNKNOWN)
    named = _NamedModel(model, UNKNOWN, model, is_local=False)
    return ImportJob(manifest, prompt, named, open_judge(manifest), sources=texts.files)


def _import(job: ImportJob, texts: ImportedTexts) -> ImportSummary:
    matched: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    image = ""

    def with_texts(planned: Iterable[PlannedPair]) -> Iterator[PlannedPair]:
        nonlocal image
        for one in planned:
            image = one.pair.image
            key = texts.find(image)
            (missing if key is None else matched)[one.pair.split] += 1
            yield replace(one, key=key or imported_key(image, ""), selected=key is not None)

    with single_writer(job.work):
        there = shards_there(job)
        notes = ReaderNotes()
        pairs = with_texts(plan_pairs(read_pairs(job.manifest, notes), job))
        plan = write_plan(pairs, job.plan_folder, job.manifest.num_shards)
        if not matched:
            raise PipelineError(
                f"none of the {texts.entries:,} texts belongs to a pair of dataset {job.manifest.name}: "
                f"the files name images like {texts.example!r}, the dataset like {image!r}"
            )
        progress = GenerationProgress(sum(plan.pairs.values()))
        judging = JudgeProcess(job.judge, job.manifest.folder)
        with LazyEngine(lambda: ImportedEngine(texts)) as engine, judging, progress:
            run = Run(job, plan, there, engine, judging, progress, ErrorLimit(1.0))
            receipts = [make_bucket(run, bucket) for bucket in plan.buckets]
    return ImportSummary(
        output=str(job.output),
        model=job.model.name,
        reading=notes.lines(),
        matched=matched,
        missing=missing,
        surplus=texts.surplus,
        unusable=texts.unusable,
        counts=_counts(receipts),
    )


def _counts(receipts: list[BucketReport]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for receipt in receipts:
        for split, by_status in receipt.counts.items():
            counts.setdefault(split, Counter()).update(by_status)
    return counts


def _by_split(counts: Counter[str]) -> str:
    return ", ".join(f"{split} {count:,}" for split, count in counts.items()) or "none"
