"""Finds the reader of a trained model: the towers that training started from, whose text tower reads explanations.

A run names them in its settings; an export has a copy in a folder of its own. Beside them is alpha, the weight of
explanations in norm(t + alpha A) (`model.evaluation.explained`).
"""

from pathlib import Path
from typing import Any, NamedTuple

from model import record_shapes
from model.clip.towers import Towers, load_towers
from model.errors import ModelError
from model.evaluation.embed_explanations import text_tower_digest
from model.run_files import EXPLAINED, EXPORT, READER, SETTINGS, TOWERS, read_checkpoint_card, read_record
from model.settings.load import load_run_settings
from model.settings.schema import LOCAL_DIR, TowerSettings

DEFAULT_ALPHA = 1.0
VALIDATION, GIVEN = "validation", "given"  # how alpha was chosen


class NoReaderError(ModelError):
    """A model has no reader. The message says why."""


class Reader(NamedTuple):
    """The towers that training started from.

    Attributes:
        sha256: digest of the text tower (`text_tower_digest`).
        alpha: weight of explanations that `evaluate --explained` used for the model's weights; None if it did not run.
        alpha_chosen: "validation" (the best on that split) or "given" (by the user); None without alpha.
        low_agreement: cosine with the caption below which an explanation may be wrong; None if it is not known.
    """

    settings: TowerSettings
    towers: Towers
    sha256: str
    alpha: float | None = None
    alpha_chosen: str | None = None
    low_agreement: float | None = None

    def record(self) -> dict[str, Any]:
        """Return the digest, alpha, how alpha was chosen, and the low agreement."""
        chosen = {"alpha": self.alpha, "alpha_chosen": self.alpha_chosen, "low_agreement": self.low_agreement}
        return {"sha256": self.sha256, **chosen}


class Weight(NamedTuple):
    """The weight of explanations, and where it comes from, in words."""

    alpha: float
    how: str


def weight_of(about: dict[str, Any], given: float | None = None) -> Weight:
    """Return the weight to search with.

    Args:
        about: what a reader's `record` has, or an index's record of a reader.
        given: a weight that the user asks for.
    """
    if given is not None:
        return Weight(given, "as given")
    if about.get("alpha") is None:
        return Weight(DEFAULT_ALPHA, "not tuned")
    # an index of an earlier version does not say how; then it was nearly always the validation split
    how = "as given to evaluate" if about.get("alpha_chosen") == GIVEN else "chosen on validation"
    return Weight(float(about["alpha"]), how)


def load_reader_of(model: Path) -> Reader:
    """Load the reader of a run or of an export.

    Raises NoReaderError if the model has none: an export without its reader, a model that is neither a run nor an
    export, a run that started from random weights, and one whose initial towers are no longer there or have changed.
    Raises ModelError for damaged records, and if the reader of an export has changed.
    """
    return _of_export(model) if (model / EXPORT).exists() else _of_run(model)


def describe_reader(model: Path) -> tuple[dict[str, Any] | None, str | None]:
    """Return what an index records of the reader of a run or of an export, or None and why there is none.

    Raises ModelError as `load_reader_of` does.
    """
    try:
        reader = load_reader_of(model)
    except NoReaderError as why:
        return None, str(why)
    in_export = (model / EXPORT).exists()  # then it is looked for where the model is, which may be moved
    return {"towers": reader.settings.model_dump(mode="json"), "in_export": in_export, **reader.record()}, None


def load_reader_folder(folder: Path, sha256: str) -> Towers:
    """Load the reader in an export. Raises ModelError if it cannot be loaded, or its text tower has another digest."""
    towers = load_towers(TowerSettings(model=f"{LOCAL_DIR}{folder.resolve()}"))
    if text_tower_digest(towers.clip) != sha256:
        raise ModelError(f"the text tower in {folder} is not the one that was exported; export the run again")
    return towers


def _of_export(model: Path) -> Reader:
    record = read_record(model / EXPORT, None, "export the run again", record_shapes.EXPORT)
    about = record.get("reader")
    if about is None:
        raise NoReaderError(f"{model} was exported without the towers that its model started from")
    folder = model / READER
    if not folder.exists():
        raise NoReaderError(f"{folder}, which had the towers that the model started from, is no longer there")
    towers = load_reader_folder(folder, about["sha256"])
    settings = TowerSettings(model=f"{LOCAL_DIR}{folder.resolve()}")
    chosen = (about.get(name) for name in ("alpha", "alpha_chosen", "low_agreement"))
    return Reader(settings, towers, about["sha256"], *chosen)


def _of_run(run: Path) -> Reader:
    if not (run / SETTINGS).exists():
        raise NoReaderError(f"{run} has no {SETTINGS}, so the towers that it started from are unknown")
    settings = load_run_settings(run / SETTINGS).towers
    if settings.folder is None and settings.pretrained is None:
        raise NoReaderError(f"{run} started from random weights, which cannot read explanations")
    try:
        towers = load_towers(settings)
    except ModelError as error:
        raise NoReaderError(f"the towers that {run} started from cannot be loaded: {error}") from error
    sha256 = text_tower_digest(towers.clip)
    chosen = explained_record(run)
    if chosen.get("reader_sha256", sha256) != sha256:
        raise NoReaderError(
            f"the towers that {run} started from have changed since its {EXPLAINED} was written: {settings.model}"
        )
    alpha = chosen.get("alpha")
    if not isinstance(alpha, dict) or "towers" not in alpha:
        return Reader(settings, towers, sha256)
    how = GIVEN if chosen.get("alpha_chosen") == GIVEN else VALIDATION
    return Reader(settings, towers, sha256, float(alpha["towers"]), how, chosen.get("low_agreement"))


def explained_record(run: Path) -> dict[str, Any]:
    """Return what `evaluate --explained` recorded for the run's weights; empty if it did not run for these."""
    if not (run / EXPLAINED).is_file():
        return {}
    again = f"recreate it with: entityclip evaluate {run} --explained"
    record = read_record(run / EXPLAINED, None, again, record_shapes.EXPLAINED)
    current = read_checkpoint_card(run)["sha256"][TOWERS]
    return record if record.get("towers_sha256") == current else {}
