"""Defines the report of a check. `entityclip check --json` writes exactly these fields; docs/check.md explains them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from pipeline.checking.pair_file import PairFile
from pipeline.inspect.histogram import histogram

_LONGEST = 100  # characters of a text to quote
_NAMED = 2  # rows to name per group
REPORT_VERSION = 1
EXAMPLES = 3  # per finding
IN_WHAT = "see the message"  # used as `mend` if the finding's `what` already says how to fix it


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Example(_Part):
    """A pair that illustrates a finding. `row` is its index in the dataset's order, starting at 0."""

    row: int
    split: str
    id: str
    detail: str


def quoted(text: str) -> str:
    """Quote a text, escaping unprintable characters; a long text is truncated."""
    return f"{text[:_LONGEST]!r}..." if len(text) > _LONGEST else repr(text)


def example(rows: PairFile, row: int, detail: str) -> Example:
    """Return an example with a row's split and id."""
    pair = rows.pair(row)
    return Example(row=row, split=pair.split, id=pair.id, detail=detail)


def captions(rows: PairFile, some: Iterable[int]) -> list[Example]:
    """Return an example for each row, with the row's caption as the detail."""
    return [example(rows, row, quoted(rows.pair(row).caption)) for row in some]


def rows_named(rows: PairFile, some: Sequence[int]) -> str:
    """Return a text that names the first two rows by split, id and number, and counts the others."""
    named = [f"{rows.pair(row).split} {rows.pair(row).id} (row {row})" for row in some[:_NAMED]]
    return ", ".join(named) + (f" and {len(some) - _NAMED:,} more" if len(some) > _NAMED else "")


Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # the most severe first

Code = Literal[
    "absent_split",
    "cannot_load",
    "cannot_open",
    "cannot_plan",
    "cannot_probe",
    "cannot_read",
    "cannot_try_training",
    "captions_over_context",
    "damaged_captions",
    "empty_captions",
    "engine_errors",
    "leaked_captions",
    "leaked_image_bytes",
    "leaked_images",
    "leaked_similar_captions",
    "listed_captions",
    "missing_images",
    "no_pairs",
    "other_languages",
    "outside_images",
    "prompt_form",
    "prompts_over_context",
    "damaged_shards",
    "repeated_captions",
    "repeated_ids",
    "repeated_image_bytes",
    "repeated_images",
    "repeated_pairs",
    "special_tokens",
    "too_large_images",
    "undecodable_images",
    "unsupported_images",
    "unused_split",
]


class Finding(_Part):
    """A fact or problem to know before a run. `code` never changes; `what` and `mend` (how to fix it) are for users."""

    code: Code
    severity: Severity
    count: int = Field(description="number of items that `what` describes")
    what: str
    mend: str
    examples: list[Example] = []


class SplitCounts(_Part):
    """Counts for one split: pairs, distinct images (by path), distinct captions, and pairs without a caption."""

    pairs: int
    images: int
    captions: int
    empty_captions: int


class ImageCounts(_Part):
    """Numbers of distinct images over all splits: in total, decoded, usable, and with each kind of fault."""

    distinct: int
    looked_at: int
    usable: int
    outside: int
    missing: int
    too_large: int
    unsupported: int
    undecodable: int


class Lengths(_Part):
    """Statistics of text lengths in tokens. For example, at least 95 % of the texts have at most `p95` tokens."""

    texts: int
    mean: float
    p5: int
    p50: int
    p95: int
    p99: int
    longest: int
    limit: int
    over_limit: int


def lengths_of(counts: Counter[int], limit: int) -> Lengths | None:
    """Return statistics of text lengths, given the number of texts by length in tokens; None if there are no texts."""
    if (found := histogram(counts, limit)) is None:
        return None
    percentiles = {f"p{100 * share:.0f}": value for share, value in found.quantiles.items()}
    over = found.over or 0
    return Lengths(texts=found.rows, mean=found.mean, longest=found.most, limit=limit, over_limit=over, **percentiles)


class Languages(_Part):
    """Number of captions per language, most frequent first, and number of captions whose language is unknown."""

    captions: dict[str, int]
    undecided: int


class Sample(_Part):
    """A pair from a seeded random sample. `prompt_tokens` is None if the LLM's tokenizer could not be loaded."""

    row: int
    split: str
    id: str
    image: str
    caption: str
    topic: str | None
    clip_tokens: int
    prompt_tokens: int | None


class Message(_Part):
    """One message of a chat."""

    role: str
    content: str


class RenderedPrompt(_Part):
    """The prompt for a pair, as chat messages, and its length in LLM tokens."""

    id: str
    messages: list[Message]
    tokens: int


class Work(_Part):
    """What a run would do.

    Attributes:
        num_shards: number of shards per split.
        plan_bytes: size of the plan on disk.
        to_generate: number of distinct prompts to send.
        redone: number of these prompts that replace an existing text.
        prompt_tokens: total length of all prompts to send, in tokens.
        longest_prompt: length of the longest prompt to send, in tokens.
        reused: number of rows whose text already exists.
        settled: number of rows that get a status but no text, for example because their prompt is too long.
        pending: number of pairs excluded by the limit.
    """

    num_shards: int
    plan_bytes: int
    to_generate: int
    redone: int
    prompt_tokens: int
    longest_prompt: int
    reused: int
    settled: int
    pending: int


class Estimate(_Part):
    """Result of sending a few prompts to the engine, and the estimated duration of the whole run at the same rate."""

    prompts: int
    errors: int
    completion_tokens: int
    seconds: float
    opening_seconds: float
    to_generate: int
    estimated_seconds: float
    disk_bytes: int = Field(description="plan, answers and shards together, before compression")


class LlmMemory(_Part):
    """What the LLM's files say about memory: weights as stored, and keys and values of a token (None if unknown)."""

    weights_bytes: int
    kv_bytes_per_token: int | None
    max_model_len: int


class CheckReport(_Part):
    """The result of a check. A part that could not be checked is None, and a finding says why."""

    version: int = REPORT_VERSION
    manifest: str
    dataset: str | None = None
    status: Literal["ok", "warning", "error"]
    full: bool = Field(default=False, description="whether all images were decoded (--full)")
    reading: list[str] = Field(default=[], description="the layout that was found, and what was cleaned or skipped")
    splits: dict[str, SplitCounts] = {}
    images: ImageCounts | None = None
    caption_tokens: Lengths | None = Field(
        default=None, description="caption lengths in CLIP tokens, including start and end tokens"
    )
    prompt_tokens: Lengths | None = Field(default=None, description="prompt lengths in LLM tokens; one prompt per pair")
    languages: Languages | None = None
    findings: list[Finding]
    samples: list[Sample] = []
    prompts: list[RenderedPrompt] = Field(default=[], description="prompts of the first three pairs with a caption")
    work: Work | None = None
    estimate: Estimate | None = None
    llm: LlmMemory | None = Field(default=None, description="None if the LLM's files are not on this machine")
    training: dict[str, Any] | None = Field(
        default=None, description="fields of `model.training.estimate.TrainingEstimate`, added by the command"
    )
    seconds: dict[str, float] = Field(default={}, description="duration of each step in seconds")


def status_of(findings: list[Finding]) -> Literal["ok", "warning", "error"]:
    """Return the worst severity among the findings; "ok" if there are no errors or warnings."""
    severities = {finding.severity for finding in findings}
    return "error" if "error" in severities else "warning" if "warning" in severities else "ok"


def exit_code(report: CheckReport, *, strict: bool) -> int:
    """Return 2 if there are errors, 1 if there are warnings and `strict` is set, otherwise 0."""
    return 2 if report.status == "error" else int(strict and report.status == "warning")
