"""Writes the two files of `entityclip init`: a manifest, and training settings that fit it."""

import math
import os
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from entityclip.contract.atomic_files import written_whole
from entityclip.contract.status import EXPLAINED
from flows.init_models import Llm, Towers
from model.preflight import has_gpu
from model.settings.load import load_settings
from pipeline.errors import PipelineError
from pipeline.files.locations import PATTERN
from pipeline.guessing.guess import Guess
from pipeline.guessing.locate import Located
from pipeline.manifest.manifest import load_manifest

MANIFEST, SETTINGS, RUN = "manifest.yaml", "train.yaml", "run"
_EXPLANATIONS = "explanations"
_ROWS_PER_SHARD = 2_000
_BATCH = {True: 192, False: 32}  # on a GPU, on a CPU
_EPOCHS = 20
_FEW = 1_000  # with fewer training rows, all rows with an explanation are used
_COMMENTS = {
    "root": "folder that image paths are relative to",
    "header": "the file has no header line",
    "held_out": "percent of the images for val, and the same percentage for test",
    "ignore_splits": "held_out assigns the splits instead, because those of the data cannot be used",
    "columns": "only columns without a usual name",
}
_GENERIC = {"caption", "captions", "data", "dataset", "images", "metadata", "pairs", "saved", "shards", "train"}


def dataset_name(located: Located) -> str:
    """Return the name of the data's file or folder, or of the closest parent folder whose name is not generic."""
    parts = [part for part in located.first.parts[1:] if not any(character in part for character in PATTERN)]
    for part in reversed(parts):
        stem = part.removesuffix(".gz").rsplit(".", 1)[0] if part == located.first.name else part
        name = re.sub(r"[^a-z0-9_-]+", "-", stem.lower()).strip("-_")
        if name and name not in _GENERIC:
            return name[:60]
    return "mine"


def default_folder(located: Located, name: str) -> Path:
    """Return the folder `name` in the working directory, or `name-entityclip` if `name` is the data or a file."""
    data = located.first
    here = Path(name)
    return Path(f"{name}-entityclip") if data == here.absolute() or here.is_file() else here


def check_absent(folder: Path) -> None:
    """Raise PipelineError if a file that `init` would write already exists."""
    found = [str(folder / name) for name in (MANIFEST, SETTINGS) if (folder / name).exists()]
    if found:
        verb = "exist" if len(found) > 1 else "exists"
        raise PipelineError(f"{' and '.join(found)} already {verb}; remove the old files, or choose another --out")


def write_init_files(folder: Path, name: str, guess: Guess, llm: Llm, towers: Towers, command: str) -> list[str]:
    """Write the manifest and the training settings, but neither of them if one cannot be loaded.

    Args:
        command: the command that the user ran; the first line of each file quotes it.

    Returns:
        One line for each setting that depends on the size of the data.

    Raises:
        PipelineError: a file already exists, or there are too few rows for training.
        ModelError: the folder of the towers contains no model.
    """
    check_absent(folder)
    manifest, reasons = _manifest(folder.resolve(), name, guess, llm, towers, command)
    settings, more = _settings(folder.resolve(), guess, towers, command)
    with ExitStack() as stack:
        for file, text, load in ((MANIFEST, manifest, load_manifest), (SETTINGS, settings, _load_settings)):
            temporary = stack.enter_context(written_whole(folder / file))
            temporary.write_text(text, encoding="utf-8")
            load(temporary)
    return [*reasons, *more]


def _load_settings(path: Path) -> object:
    return load_settings(path, [])


def _manifest(folder: Path, name: str, guess: Guess, llm: Llm, towers: Towers, command: str) -> tuple[str, list[str]]:
    rows = sum(guess.rows.values())
    shards = min(99_999, math.ceil(rows / _ROWS_PER_SHARD))
    section = _relative(guess.dataset, folder)
    dataset = "\n".join(
        f"  {key}: {_yaml(value)}" + (f" # {_COMMENTS[key]}" if key in _COMMENTS else "")
        for key, value in section.items()
    )
    revision = f"\n  revision: {_yaml(llm.revision)}" if llm.revision else ""
    tokenizer = towers.tokenizer if towers.tokenizer is None else _near(towers.tokenizer, folder)
    judge: dict[str, Any] = {"clip_tokenizer": tokenizer} if tokenizer else {}
    judge |= {"clip_context_length": towers.context_length} if towers.context_length != 77 else {}
    judging = f"\n  judge: {_yaml(judge)} # texts longer than CLIP's context are over_context" if judge else ""
    engine = {"kind": llm.engine} | ({"threads": 1} if llm.is_tiny else {})
    text = f"""\
# Written by: {_comment(command)}
# Paths are relative to this file's folder. All fields: docs/manifest.md; kinds of data: docs/your_data.md
name: {_yaml(name)}
dataset:
{dataset}
generation:
  model: {_yaml(_near(llm.folder, folder) if llm.folder else llm.name)} # {llm.origin}{revision}
  prompt: news-v1 # asks who or what each named entity is and what it looks like; docs/prompts.md
  max_model_len: {llm.max_model_len} # tokens of prompt and explanation together
  sampling: {{temperature: 0, max_tokens: {llm.max_tokens}, seed: 0}}
  engine: {_yaml(engine)}{judging}
output: {_EXPLANATIONS}
num_shards: {shards} # per split, about {_ROWS_PER_SHARD:,} rows each; cannot be changed once there are explanations
"""
    return text, [f"shards: {shards} per split (one per {_ROWS_PER_SHARD:,} rows)"]


def _settings(folder: Path, guess: Guess, towers: Towers, command: str) -> tuple[str, list[str]]:
    rows, gpu = guess.rows["train"], has_gpu()
    if rows < 2:
        raise PipelineError(f"{rows} training rows are too few; training needs at least 2, and preferably hundreds")
    batch = max(2, min(_BATCH[gpu], rows // 2))
    steps = max(1, round(_EPOCHS * (rows // batch)))
    every = max(1, min(1000, steps // 10))
    model = f"local-dir:{_near(towers.folder, folder)}" if towers.folder else towers.model
    named = {"model": model} | ({"pretrained": towers.pretrained} if towers.pretrained else {})
    statuses = [one for one in EXPLAINED if one != "off_language"] if rows < _FEW else ["ok", "over_context"]
    about = (
        "all statuses with an explanation, as there are few rows; with more, remove entity_missing"
        if rows < _FEW
        else ("`entityclip generate` counts rows by status")
    )
    splits: dict[str, str | None] = {} if "val" in guess.rows else {"val": None}
    splits |= {} if "test" in guess.rows else {"test": "val"}
    split_line = f"\n  splits: {_yaml(splits)} # the data has only {', '.join(guess.rows)}" if splits else ""
    rates = "\n  lr: 1.0e-3 # for tiny towers; large ones need about 1.0e-5\n  new_lr: 1.0e-3" if towers.is_tiny else ""
    threads = "\nthreads: 1 # for tiny towers, a second thread costs more than it saves" if towers.is_tiny else ""
    exact = "" if guess.is_exact else "about "
    text = f"""\
# Written by: {_comment(command)}
# Paths are relative to this file's folder. All fields: docs/training_settings.md
preset: default # explanation anchors; `paper` is the published method
towers: {_yaml(named)} # {towers.origin}
data:
  explanations: {_EXPLANATIONS}
  statuses: {_yaml(statuses)} # {about}{split_line}
optim:
  epochs: {_EPOCHS}
  batch_size: {batch} # of {exact}{rows:,} training rows{rates}
evaluation: {{every: {every}}} # steps, of {exact}{steps:,}{threads}
"""
    where = "GPU" if gpu else "CPU"
    reasons = [
        f"batch: {batch} pairs ({where}, {exact}{rows:,} training rows); {_EPOCHS} epochs, {exact}{steps:,} steps",
        f"statuses: {', '.join(statuses)} ({'few training rows' if rows < _FEW else 'the usual ones'})",
    ]
    return text, reasons


def _relative(dataset: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the section with all paths relative to the manifest's folder."""
    found = dict(dataset)
    for key in ("file", "root", "path"):
        if isinstance(value := found.get(key), str):
            found[key] = os.path.relpath(value, folder)
        elif value is not None:
            found[key] = [os.path.relpath(one, folder) for one in value]
    return found


def _near(path: Path, folder: Path) -> str:
    """Return the path of a model folder: relative if it is in or next to the manifest's folder, else absolute."""
    near = path.is_relative_to(folder.parent)
    return os.path.relpath(path, folder) if near else str(path)


def _yaml(value: Any) -> str:
    """Return a value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _comment(command: str) -> str:
    return command.replace("\n", " ").replace("\r", " ")
