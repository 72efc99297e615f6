"""Imports released explanations into shards with the same steps as generation: plan, rows, shards, receipts."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from entityclip.contract.locations import is_url
from pipeline.chat.prompts import Prompt, Prompts
from pipeline.engines.base import Completion, Request
from pipeline.errors import PipelineError
from pipeline.generation.bucket import make_bucket
from pipeline.generation.prepare import shards_there
from pipeline.generation.run import open_run
from pipeline.generation.summary import total_counts
from pipeline.import_released.texts import ImportedTexts, imported_key
from pipeline.job import Job
from pipeline.judge.prompt_echo import answer_in
from pipeline.judge.rules import open_judge
from pipeline.llm import LanguageModel
from pipeline.manifest.manifest import load_manifest
from pipeline.pair import Pair
from pipeline.plan.plan import PlannedPair, plan_pairs, write_plan
from pipeline.prompts.template import PromptTemplate
from pipeline.readers import read_pairs
from pipeline.readers.notes import ReaderNotes
from pipeline.shards.writer_lock import sole_writer

IMPORTED = "imported"
UNKNOWN = "unknown"
_FEW = 5
_LOOKED_AT = 10_000  # texts whose beginnings are compared
_BEGINNING = 40  # characters


class _NamedModel(LanguageModel):
    """A placeholder for a language model: only its name is known, and nothing is loaded."""

    chat_template_digest = UNKNOWN


class _UnsentPrompts(Prompts):
    """Prompts that no LLM reads; only their messages are known."""

    def prompt(self, pair: Pair) -> Prompt:
        return Prompt(self.template.render(pair))

    def encode(self, prompts: list[Prompt]) -> list[list[int] | str]:
        return [[] for _ in prompts]


@dataclass(frozen=True)
class ImportJob(Job):
    """A job whose explanations come from files; its shards do not record the model, prompt or sampling in the manifest.

    Attributes:
        sources: name and SHA-256 of each file.
    """

    sources: list[dict[str, str]] = field(default_factory=list)

    @cached_property
    def prompts(self) -> Prompts:
        """The prompts' messages; there is no tokenizer."""
        return _UnsentPrompts(self.prompt, self.model)

    def provenance(self, split: str, shard: int) -> dict[str, Any]:
        """Return the provenance recorded in a shard's footer."""
        unknown = {"chat_template": UNKNOWN, "sampling": None, "max_model_len": None, "send_image": None}
        engine = {"kind": IMPORTED, "files": self.sources}
        prompt = {"name": IMPORTED, "system": "", "user": UNKNOWN, "examples": []}
        return {**super().provenance(split, shard), **unknown, "prompt": prompt, "engine": engine}


class ImportedEngine(AbstractContextManager["ImportedEngine"]):
    """An engine that answers requests with the imported texts."""

    name = IMPORTED
    restarts = 0

    def __init__(self, texts: ImportedTexts) -> None:
        self._texts = texts
        self.version = ", ".join(f"{file['name']} sha256:{file['sha256']}" for file in texts.files)

    def __exit__(self, *exc: object) -> None:
        pass

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Yield the imported texts as completions with unknown finish reasons and token counts."""
        for request in requests:
            yield Completion(request.key, self._texts.text(request.key))


@dataclass(frozen=True)
class ImportSummary:
    """The result of an import.

    Attributes:
        reading: the reader's summary of what it cleaned or skipped, as lines of text.
        matched: number of pairs with a text, by split.
        missing: number of pairs without a text, by split; these pairs are pending and have no row.
        surplus: number of texts that do not belong to any pair.
        unusable: number of entries without a text.
        unusable_kinds: the same, by what their value is instead.
        differing: number of pairs with several texts that differ, and the image of the first.
        cut: number of pairs whose text has the prompt before the answer; only the answer is judged and trained on.
        beginning: number of the first 10,000 texts with the most frequent beginning, their total, and that beginning.
        counts: number of rows by split and status.
    """

    output: str
    model: str
    reading: list[str]
    matched: Counter[str]
    missing: Counter[str]
    surplus: int
    unusable: int
    unusable_kinds: Counter[str]
    differing: tuple[int, str]
    cut: int
    beginning: tuple[int, int, str]
    counts: dict[str, Counter[str]]

    def lines(self) -> list[str]:
        """Return the summary as lines of text."""
        return [
            *self.reading,
            f"matched: {_by_split(self.matched)}",
            f"missing: {_by_split(self.missing)}",
            f"surplus texts: {self.surplus:,}; entries that are not texts: {_kinds(self.unusable_kinds)}",
            *self._remarks(),
            *(
                f"rows of {split}: {', '.join(f'{n:,} {status}' for status, n in sorted(by_status.items()))}"
                for split, by_status in sorted(self.counts.items())
            ),
            f"shards: {self.output}",
        ]

    def _remarks(self) -> Iterator[str]:
        count, image = self.differing
        if count:
            yield f"pairs with several texts that differ, of which the first is taken: {count:,}, such as {image}"
        if self.cut:
            yield f"texts with the prompt before the answer, of which the explanation is only the answer: {self.cut:,}"
        alike, total, beginning = self.beginning
        if alike >= _FEW and 2 * alike >= total:
            yield (
                f"{alike:,} of {total:,} texts begin with {beginning!r}; if this is a prompt, remove it from the "
                "files, as it would be trained on"
            )


def import_explanations(
    manifest_path: Path, files: Sequence[Path], *, model: str = UNKNOWN, output: Path | str | None = None
) -> ImportSummary:
    """Write explanation shards with the texts from `files`, replacing the shards of an earlier import.

    A text belongs to a pair if its key in the file ends with the image's path relative to the image root.

    Args:
        model: the LLM that wrote the texts, if known.
        output: location of the shards. Default: the manifest's output plus `-imported`, so generated texts are kept.

    Raises:
        PipelineError: a file is not a JSON object, or no text belongs to a pair. Other errors are those of `generate`.
    """
    if not files:
        raise PipelineError("no explanation file was given")
    with tempfile.TemporaryDirectory() as folder, closing(ImportedTexts(files, model, Path(folder))) as texts:
        return _import(_job(manifest_path, texts, model, output), texts)


def _job(manifest_path: Path, texts: ImportedTexts, model: str, output: Path | str | None) -> ImportJob:
    manifest = load_manifest(manifest_path)
    if output is None and is_url(manifest.output):
        raise PipelineError(f"{manifest_path}: the output is a URL; set the output of the import with --out")
    if output is None:
        output = f"{manifest.output.rstrip('/')}-{IMPORTED}"
    elif not is_url(str(output)):
        output = Path(output).resolve()
    generation = manifest.generation.model_copy(update={"send_image": False})
    manifest = manifest.model_copy(update={"output": str(output), "work": None, "generation": generation})
    prompt = PromptTemplate(name=IMPORTED, user=UNKNOWN)
    llm = _NamedModel(model, UNKNOWN, model, is_local=False)
    return ImportJob(manifest, prompt, llm, open_judge(manifest), sources=texts.files)


def _import(job: ImportJob, texts: ImportedTexts) -> ImportSummary:
    matched: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    first_differing = ""
    beginnings: Counter[str] = Counter()
    cut = several = 0
    image = ""

    def with_texts(planned: Iterable[PlannedPair]) -> Iterator[PlannedPair]:
        nonlocal image, cut, several, first_differing
        for pair in planned:
            image = pair.pair.image
            found = texts.find(image)
            (missing if found is None else matched)[pair.pair.split] += 1
            if found is not None:
                several += found.differing
                first_differing = first_differing or (image if found.differing else "")
                answer = answer_in(found.text, pair.pair.caption)
                cut += answer != found.text
                if beginnings.total() < _LOOKED_AT:
                    beginnings[" ".join(answer[: 2 * _BEGINNING].split())[:_BEGINNING]] += 1
            yield replace(pair, key=found.key if found else imported_key(image, ""), selected=found is not None)

    with sole_writer(job.output, job.work):
        existing = shards_there(job)
        notes = ReaderNotes()
        pairs = with_texts(plan_pairs(read_pairs(job.manifest, notes), job))
        plan = write_plan(pairs, job.plan_folder, job.manifest.num_shards)
        if not texts.entries:
            raise PipelineError(
                f"the files have no texts; their entries are: {_kinds(texts.unusable)}. "
                'They must have the form {"IMAGE PATH": "TEXT", ...}'
            )
        if not matched:
            raise PipelineError(
                f"none of the {texts.entries:,} texts belongs to a pair of dataset {job.manifest.name}: "
                f"image paths are like {texts.example!r} in the files, but like {image!r} in the dataset"
            )
        with open_run(job, plan, existing, lambda: ImportedEngine(texts)) as run:
            reports = [make_bucket(run, bucket) for bucket in plan.buckets]
    return ImportSummary(
        output=str(job.output),
        model=job.model.name,
        reading=notes.lines(),
        matched=matched,
        missing=missing,
        surplus=texts.surplus,
        unusable=texts.unusable.total(),
        unusable_kinds=texts.unusable,
        differing=(several, first_differing),
        cut=cut,
        beginning=_most_frequent(beginnings),
        counts=total_counts(reports),
    )


def _most_frequent(beginnings: Counter[str]) -> tuple[int, int, str]:
    ((beginning, count),) = beginnings.most_common(1)
    return count, beginnings.total(), beginning


def _kinds(unusable: Counter[str]) -> str:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in unusable.most_common(5))
    return f"{unusable.total():,} ({kinds})" if unusable else "0"


def _by_split(counts: Counter[str]) -> str:
    return ", ".join(f"{split} {count:,}" for split, count in counts.items()) or "none"
