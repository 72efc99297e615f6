"""The authors' trained `.pt` as a run folder of ours: renamed, stacked, in fp32, and nothing left out."""

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.authors_names import expert_counts, shapes_at_authors, state_from_authors
from model.authors_sizes import Sizes, sizes_of
from model.checkpoint import CHECKPOINT, save_checkpoint
from model.entityclip import EntityCLIP
from model.errors import ModelError
from model.files import digest, folder_written_whole
from model.open_clip_folder import write_open_clip_folder
from model.open_clip_import import open_clip
from model.settings import LOCAL_DIR, MethodSettings, TowerSettings

FOLDER = "clip"
_WRAPPERS = ("state_dict", "model", "model_state_dict")
_NO_PARAMETERS = ("input_resolution", "context_length", "vocab_size")  # OpenAI's files carry them as numbers
_OPENAI_VOCABULARY = 49408
_NAMED = 8  # names of an error message


@dataclass(frozen=True)
class Imported:
    """What was found and what was made of it."""

    out: Path
    dtype: str
    parameters: int
    sizes: Sizes
    method: MethodSettings
    ignored: tuple[str, ...]

    def lines(self) -> list[str]:
        """The same for people."""
        sizes, method = self.sizes, self.method
        counts = f"{method.image_experts}/{method.shared_experts}/{method.text_experts}"
        modules = ", ".join(name for name, on in (("MMAE", method.mmae), ("GI-ITM", method.gi_itm)) if on) or "none"
        fits = sizes.vocabulary == _OPENAI_VOCABULARY
        tokenizer = "OpenAI's, as the vocabulary is OpenAI's" if fits else "unknown; OpenAI's does not fit"
        end = "the highest id" if sizes.eot_id is None else f"id {sizes.eot_id}"
        lines = [
            f"{self.parameters:,} parameters, {self.dtype} in the file, float32 from here on",
            f"image tower: ViT, {sizes.image} pixels, patch {sizes.patch}, width {sizes.vision_width}, "
            f"{sizes.vision_layers} layers, {sizes.vision_heads} heads",
            f"text tower: {sizes.context} tokens of {sizes.vocabulary:,}, width {sizes.text_width}, "
            f"{sizes.text_layers} layers, {sizes.text_heads} heads, ends at {end}; joint width {sizes.embed}",
            f"experts (image/shared/text): {counts}; modules: {modules}; padding is read, as they trained it",
            f"assumed: QuickGELU, OpenAI's image statistics, one head an expert; tokenizer: {tokenizer}",
        ]
        if self.ignored:
            lines.append(f"left out, no parameters: {', '.join(self.ignored)}")
        return [*lines, f"checkpoint: {self.out / CHECKPOINT}; for open_clip: {LOCAL_DIR}{self.out / FOLDER}"]


def import_checkpoint(
    path: Path,
    out: Path,
    *,
    vision_heads: int | None = None,
    text_heads: int | None = None,
    eot_id: int | None = None,
) -> Imported:
    """Write `out/checkpoint`, which `evaluate` reads, and `out/clip`, an open_clip model folder.

    Args:
        path: a state dict under the authors' names, fp16 or fp32, bare or under "state_dict", "model" or
            "model_state_dict", with or without "module." before every name.
        out: a folder without a checkpoint.
        vision_heads, text_heads: of the towers' attention, which no shape tells; None: width / 64, as OpenAI's.
        eot_id: token at which a text ends; None: its highest id, as OpenAI's.

    Raises ModelError for a file that holds something else, names that are missing, unknown or of another shape,
    values that are not finite, and a folder that holds a checkpoint.
    """
    if (out / CHECKPOINT).exists():
        raise ModelError(f"{out} holds a checkpoint; choose another folder, or remove it")
    state, ignored = _read(path)
    sizes = sizes_of(state, vision_heads=vision_heads, text_heads=text_heads, eot_id=eot_id)
    clip = open_clip.CLIP(**sizes.model_cfg)
    model = EntityCLIP(clip, _method(state))
    _check_names(state, model, path)
    dtypes = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in state.values()})
    model.load_state_dict(state_from_authors({name: tensor.float() for name, tensor in state.items()}))

    with folder_written_whole(out / FOLDER) as folder:
        write_open_clip_folder(folder, sizes.model_cfg, sizes.preprocess_cfg, clip.state_dict())
    origin = {"file": path.name, "sha256": digest(path), "dtype": dtypes, "sizes": asdict(sizes)}
    towers = TowerSettings(model=f"{LOCAL_DIR}../{FOLDER}")
    save_checkpoint(out, model, towers, step=0, validation=None, origin=origin)
    count = sum(tensor.numel() for tensor in state.values())
    return Imported(out, " and ".join(dtypes), count, sizes, model.method, ignored)


def _read(path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The parameters, under their bare names, and the names of what is none."""
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelError(f"no checkpoint at {path}") from None
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{path}: is no file of plain tensors (torch.load, weights only): {reason}") from error
    wrapper = next((key for key in _WRAPPERS if isinstance(content, Mapping) and key in content), None)
    if wrapper is not None:
        content = content[wrapper]
    if not isinstance(content, Mapping) or not content:
        raise ModelError(f"{path}: holds a {type(content).__name__}, not a dict of parameters")
    content = {str(name).removeprefix("module."): value for name, value in content.items()}
    state = {name: value for name, value in content.items() if name not in _NO_PARAMETERS}
    for name, value in state.items():
        if not isinstance(value, Tensor) or not value.is_floating_point():
            raise ModelError(f"{path}: {name!r} is no tensor of floating-point numbers, but {_kind(value)}")
        if not value.isfinite().all():
            raise ModelError(f"{path}: {name!r} has values that are not finite")
    return state, tuple(name for name in content if name in _NO_PARAMETERS)


def _method(state: dict[str, Tensor]) -> MethodSettings:
    """What the file was trained with, as far as its names tell."""
    counts = expert_counts(set(state))
    mmae = any(name.startswith("weight_attn_") for name in state)
    gi_itm = any(name.startswith(("weight_full.", "itm_head.")) for name in state)
    if (mmae or gi_itm) and not (counts["image"] + counts["shared"] and counts["text"] + counts["shared"]):
        raise ModelError(f"the checkpoint has gates, but not the experts that they need (found {counts})")
    return MethodSettings(
        mmae=mmae,
        gi_itm=gi_itm,
        image_experts=counts["image"],
        shared_experts=counts["shared"],
        text_experts=counts["text"],
        mask_padding=False,
    )


def _check_names(state: dict[str, Tensor], model: EntityCLIP, path: Path) -> None:
    expected = shapes_at_authors(model.state_dict())
    wrong = [
        _some("missing", [name for name in expected if name not in state]),
        _some("unknown", [name for name in state if name not in expected]),
        _some(
            "of another shape",
            [
                f"{name} {tuple(tensor.shape)} instead of {tuple(expected[name])}"
                for name, tensor in state.items()
                if name in expected and tensor.shape != expected[name]
            ],
        ),
    ]
    if any(wrong):
        raise ModelError(
            f"{path}: is no checkpoint of the authors' model; " + "; ".join(part for part in wrong if part)
        )


def _some(what: str, names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{what}: {', '.join(names[:_NAMED])}{more}" if names else ""


def _kind(value: object) -> str:
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__
