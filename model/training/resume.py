"""Checks whether a run may be resumed with these settings and data; differences are reported field by field."""

from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from model.errors import ModelError
from model.settings.schema import TrainSettings
from model.tracking.trackers import flatten

EXACT = "no effect on training or checkpoint selection"
LAST_BITS = "mathematically equivalent; the last bits of sums may differ from an uninterrupted run's"

# Settings that may change while a run is interrupted. Others may not: no single settings file would describe the run.
FREE: dict[str, str] = {
    "preset": EXACT,  # its values are in the settings themselves
    "data.explanations": EXACT,  # the shards themselves are compared by digest
    "data.image_root": EXACT,  # the same images may be in another place
    "data.allow_partial": EXACT,  # the rows used are compared
    "data.splits.test": EXACT,
    "data.cache_mib": EXACT,
    "data.workers": EXACT,
    "data.max_bad_images": EXACT,
    "checkpoint.every": EXACT,
    "checkpoint.minutes": EXACT,
    "checkpoint.keep": EXACT,
    "log.trackers": EXACT,
    "log.every": EXACT,
    "divergence.loss_factor": EXACT,
    "divergence.gradient_factor": EXACT,
    "divergence.window": EXACT,
    "optim.micro_batch_size": LAST_BITS,
    "evaluation.batch_size": LAST_BITS,
    "grad_checkpointing": LAST_BITS,
    "compile": LAST_BITS,
    "threads": LAST_BITS,
    "device": LAST_BITS,
}
_LENGTH = (
    "the learning rate schedule spans all steps; to train longer, export the finished run with `entityclip export` and "
    "start a new one with towers.model=local-dir:EXPORT"
)
_WORDS = dict.fromkeys(("optim.steps", "optim.epochs"), _LENGTH)
_SHOWN = 5


class Change(NamedTuple):
    """A changed setting, with its earlier and current values."""

    field: str
    before: Any
    now: Any

    @property
    def allowed(self) -> bool:
        """Return True if a run may be resumed despite this change."""
        return self.field in FREE

    def __str__(self) -> str:
        word = FREE.get(self.field) or _WORDS.get(self.field)
        before, now = ("null" if value is None else value for value in (self.before, self.now))
        return f"{self.field}: {before} -> {now}" + (f" ({word})" if word else "")


def changes(before: dict[str, Any], now: TrainSettings) -> list[Change]:
    """Return the settings that differ from `before`, the plain settings recorded with an earlier run.

    A setting missing from the record counts as its default. Raises ModelError for a record that is no longer valid.
    """
    try:
        old = TrainSettings.model_validate(before).as_plain()
    except ValidationError as error:
        raise ModelError(
            f"the run was started by another version, and its settings are not valid in this one: {error}"
        ) from error
    return [Change(field, *values) for field, values in _differences(old, now.as_plain()).items()]


def check_resumable(run: Path, origin: dict[str, Any], now: dict[str, Any], settings: TrainSettings) -> list[str]:
    """Check that a run may be resumed; return remarks about the differences that are allowed.

    Args:
        run: the run's folder, for messages.
        origin: what `describe_origin` returned when the run started, read from its saved state.
        now: what `describe_origin` returns now.

    Raises ModelError if the data differ, or if settings that affect training differ; the message lists the differences.
    """
    changed = changes(origin["settings"], settings)
    refused = [change for change in changed if not change.allowed]
    other = "choose another folder, or start again with --overwrite"
    if refused:
        listed = "".join(f"\n  {change}" for change in refused)
        raise ModelError(
            f"{run} contains an unfinished run, and these settings would change what is trained:{listed}\n"
            f"{run}/settings.yaml has its original settings; {other}"
        )
    if differing := _changed_shards(origin["data"], now["data"]):
        raise ModelError(f"{run} contains an unfinished run on different data: {differing}; {other}")
    remarks = [f"changed setting {change}" for change in changed]
    if versions := _differences(origin["versions"], now["versions"]):
        listed = ", ".join(f"{name} {old} -> {new}" for name, (old, new) in versions.items())
        remarks.append(f"the code has changed since the start, so results may differ: {listed}")
    return remarks


def _changed_shards(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Describe which shards differ. If none do, describe how the used rows differ. Returns "" if nothing differs."""
    for use in {**before, **now}:
        old, new = before.get(use, {}), now.get(use, {})
        shards, others = old.get("shards", {}), new.get("shards", {})
        if names := sorted(_differences(shards, others)):
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            return f"{', '.join(names[:_SHOWN])}{more} changed"
        if old.get("used") != new.get("used"):
            return f"rows used of split {old.get('split')}: {old.get('used')} -> {new.get('used')}"
    return ""


def _differences(before: dict[str, Any], now: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the leaves that differ between nested dicts, as (before, now) by dotted name."""
    old, new = dict(flatten(before)), dict(flatten(now))
    return {name: (old.get(name), new.get(name)) for name in old | new if old.get(name) != new.get(name)}
