"""Export of a trained run as a plain open_clip model, independent of this package and of the initial model folder."""

import json
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from entityclip.contract.atomic_files import folder_written_whole, write_json
from entityclip.contract.digests import digest
from entityclip.contract.visible_text import visible
from model.checkpoints.checkpoint import load_trained_towers
from model.clip.folder import save_tensors, towers_folder
from model.clip.towers import Towers, load_towers
from model.errors import ModelError
from model.evaluation.evaluate import read_metrics
from model.evaluation.reader import Reader, load_reader_of, weight_of
from model.exporting.model_card import README, model_card
from model.run_files import EXPORT, METRICS, READER, WEIGHTS, find_run, read_checkpoint_card
from model.settings.schema import LOCAL_DIR, TowerSettings

RECORD = EXPORT  # marks a folder as an export and records its origin
_TEXTS = ["", "Queen Elizabeth II visits Ascot", "naïve “quotes”, 12.5 % &amp; 東京"]


def export(checkpoint: Path | str, out: Path | str, *, with_reader: bool = True) -> Path:
    """Write the trained towers as a folder for `open_clip.create_model_and_transforms("local-dir:OUT")`.

    `open_clip.get_tokenizer` accepts the same name. The folder holds the configuration (including the activation),
    preprocessing, weights, tokenizer and a README (`model.exporting.model_card`). Before the folder is renamed to
    `out`, open_clip loads it and the result is compared with the run: modules, weights, preprocessing, token ids and
    embeddings must be identical. `OUT/reader` is such a folder, too: the towers that training started from, which read
    explanations (`model.evaluation.reader`). If they are not to be had, a line on stderr says why.

    Args:
        checkpoint: a run folder or its checkpoint folder.
        out: a new or empty folder, or an earlier export, which is replaced.
        with_reader: whether to write `OUT/reader`.

    Returns `out`. Raises ModelError, leaving `out` unchanged, if `out` is any other file or folder, the checkpoint
    cannot be loaded, open_clip would not find the tokenizer, or the export differs from the trained model.
    """
    out = Path(out)
    run = find_run(Path(checkpoint))
    card = read_checkpoint_card(run)
    _claim(out)
    towers = load_trained_towers(run)
    reader = _reader_of(run) if with_reader else None
    clip: Any = towers.clip
    with folder_written_whole(out) as folder:
        _write_towers(folder, TowerSettings.model_validate(card["towers"]), towers)
        if reader is not None:
            (folder / READER).mkdir()
            _write_towers(folder / READER, reader.settings, reader.towers)
        record = {
            "made_by": f"entityclip {version('entityclip')}",
            "open_clip": version("open_clip_torch"),
            "step": card["step"],
            "validation": card["validation"],
            "trained_from": _origin(TowerSettings.model_validate(card.get("began_from") or card["towers"])),
            "reader": None if reader is None else reader.record(),
            "sha256": {str(path.relative_to(folder)): digest(path) for path in sorted(folder.rglob(WEIGHTS))},
        }
        write_json(folder / RECORD, record)
        metrics = read_metrics(run) if (run / METRICS).exists() else None
        weight = None if reader is None else weight_of(reader.record())
        text = model_card(card, metrics, out.name, clip.context_length, weight)
        (folder / README).write_text(text, encoding="utf-8")
        _check_export(out, folder, towers, "trained model")
        if reader is not None:
            _check_export(out, folder / READER, reader.towers, "model that training started from")
    return out


def _reader_of(run: Path) -> Reader | None:
    try:
        return load_reader_of(run)
    except ModelError as error:  # an export is of use without it
        tqdm.write(visible(f"the export has no reader of explanations: {error}"), file=sys.stderr)
        return None


def _write_towers(folder: Path, settings: TowerSettings, towers: Towers) -> None:
    towers_folder(settings, towers).write(folder)
    save_tensors(towers.clip.state_dict(), folder / WEIGHTS)


def _check_export(out: Path, folder: Path, towers: Towers, what: str) -> None:
    different = ", ".join(_differences(towers, load_towers(TowerSettings(model=f"{LOCAL_DIR}{folder}"))))
    if different:
        raise ModelError(
            f"{out} was not written: the export loaded by open_clip differs from the {what} in: {different}"
        )


def _claim(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise ModelError(f"{out} is not a folder")
    if out.is_dir() and not (out / RECORD).is_file() and any(out.iterdir()):
        raise ModelError(f"{out} is neither empty nor an export; choose another folder")


def _origin(towers: TowerSettings) -> dict[str, Any]:
    """Return the initial model's name, with a path reduced to its last part because exports get published."""
    name = towers.model if towers.folder is None else LOCAL_DIR + towers.folder.name
    return {"model": name, "pretrained": towers.pretrained}


def _differences(trained: Towers, exported: Towers) -> Iterator[str]:
    ours: Any = trained.clip.eval()
    theirs: Any = exported.clip.eval()
    if str(ours) != str(theirs):  # classes, sizes and activations of all modules
        yield "modules"
    states = ours.state_dict(), theirs.state_dict()
    if states[0].keys() != states[1].keys() or not all(torch.equal(states[0][n], states[1][n]) for n in states[0]):
        yield "weights"
    if _plain(ours.visual.preprocess_cfg) != _plain(theirs.visual.preprocess_cfg):
        yield "preprocessing"
    tokens = trained.tokenizer(_TEXTS)
    if not torch.equal(tokens, exported.tokenizer(_TEXTS)):
        yield "token ids"
    height, width = ours.visual.image_size
    images = torch.linspace(-2, 2, 3 * height * width).sin().view(1, 3, height, width)
    with torch.inference_mode():
        if not torch.equal(ours.encode_image(images), theirs.encode_image(images)):
            yield "image embeddings"
        if not torch.equal(ours.encode_text(tokens), theirs.encode_text(tokens)):
            yield "text embeddings"


def _plain(config: dict[str, Any]) -> str:
    return json.dumps(config, sort_keys=True)  # JSON turns tuples into lists
