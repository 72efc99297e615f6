"""Imports `.pt` checkpoints of the paper's authors: renames parameters, converts them to fp32, and stacks experts."""

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from entityclip.contract.atomic_files import folder_written_whole
from entityclip.contract.digests import digest
from model.checkpoints.checkpoint import save_checkpoint
from model.checkpoints.infer_clip_config import Sizes, sizes_of
from model.clip.folder import save_tensors, write_config
from model.clip.open_clip_import import open_clip
from model.errors import ModelError
from model.method.entityclip import EntityCLIP
from model.run_files import CHECKPOINT, WEIGHTS, check_import
from model.run_kind import parts
from model.settings.schema import LOCAL_DIR, MethodSettings, TowerSettings

FOLDER = "clip"
_WRAPPERS = ("state_dict", "model", "model_state_dict")
_NO_PARAMETERS = ("input_resolution", "context_length", "vocab_size")  # plain numbers stored in OpenAI's files
_OPENAI_VOCABULARY = 49408
_NAMED = 8  # names listed in an error message
_EXPERTS = {"vision_expert_": "image", "share_expert_": "shared", "text_expert_": "text"}
_PARTS_OF_AN_EXPERT = {
    "": ("ln_1.weight", "ln_1.bias", "ln_2.weight", "ln_2.bias"),
    "attn.": ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"),
    "mlp.": ("c_fc.weight", "c_fc.bias", "c_proj.weight", "c_proj.bias"),
}
_IN_AN_EXPERT = {f"{part}{n}": n.replace(".", "_") for part, names in _PARTS_OF_AN_EXPERT.items() for n in names}
_OTHERS = {
    "weight_attn_vis.": "image_gate.score.",
    "weight_attn_txt.": "text_gate.score.",
    "weight_full.": "matching.gate.score.",
    "itm_head.": "matching.head.",
}


class Imported(NamedTuple):
    """Summary of an imported checkpoint, and the folder to which it was written."""

    out: Path
    dtype: str
    parameters: int
    sizes: Sizes
    method: MethodSettings
    ignored: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return a summary for display, line by line."""
        sizes, method = self.sizes, self.method
        counts = f"{method.image_experts}/{method.shared_experts}/{method.text_experts}"
        modules = ", ".join(parts(method)) or "none"
        fits = sizes.vocabulary == _OPENAI_VOCABULARY
        tokenizer = "OpenAI's" if fits else "unknown (the vocabulary is not OpenAI's)"
        end = "the highest id in a text" if sizes.eot_id is None else f"id {sizes.eot_id}"
        lines = [
            f"{self.parameters:,} parameters, converted from {self.dtype} to float32",
            f"image tower: ViT, {sizes.image} pixels, patch {sizes.patch}, width {sizes.vision_width}, "
            f"{sizes.vision_layers} layers, {sizes.vision_heads} heads",
            f"text tower: {sizes.context} tokens, vocabulary of {sizes.vocabulary:,}, width {sizes.text_width}, "
            f"{sizes.text_layers} layers, {sizes.text_heads} heads, end of text is {end}; joint width {sizes.embed}",
            f"experts (image/shared/text): {counts}; modules: {modules}; experts read padding, as in the authors' code",
            f"assumed: QuickGELU, OpenAI's image mean and std, one attention head per expert; tokenizer: {tokenizer}",
        ]
        if self.ignored:
            lines.append(f"ignored entries that are not parameters: {', '.join(self.ignored)}")
        return [*lines, f"checkpoint: {self.out / CHECKPOINT}; for open_clip: {LOCAL_DIR}{self.out / FOLDER}"]


def import_checkpoint(
    path: Path,
    out: Path,
    *,
    vision_heads: int | None = None,
    text_heads: int | None = None,
    eot_id: int | None = None,
) -> Imported:
    """Convert a checkpoint of the paper's authors to `out/checkpoint` (for `evaluate`) and `out/clip` (for open_clip).

    Args:
        path: file with a state dict, fp16 or fp32, either bare or under the key "state_dict", "model" or
            "model_state_dict". Parameters have the authors' names, with or without the prefix "module.".
        out: folder to write to; it must not contain a checkpoint.
        vision_heads, text_heads: number of attention heads, which cannot be inferred from shapes; None: width / 64, as
            in OpenAI's models.
        eot_id: id of the end-of-text token; None: the highest id in each text, as in OpenAI's models.

    Raises ModelError if the file is not such a state dict, if parameters are missing, unknown, of the wrong shape or
    not finite, or if `out` already holds a checkpoint.
    """
    check_import(path, out)
    state, ignored = _read(path)
    sizes = sizes_of(state, vision_heads=vision_heads, text_heads=text_heads, eot_id=eot_id)
    clip = open_clip.CLIP(**sizes.model_cfg)
    model = EntityCLIP(clip, _method(state))
    _check_names(state, model, path)
    dtypes = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in state.values()})
    model.load_state_dict(state_from_authors({name: tensor.float() for name, tensor in state.items()}))

    with folder_written_whole(out / FOLDER) as folder:
        write_config(folder, sizes.model_cfg, sizes.preprocess_cfg)
        save_tensors(clip.state_dict(), folder / WEIGHTS)
    origin = {"file": path.name, "sha256": digest(path), "dtype": dtypes, "sizes": asdict(sizes)}
    towers = TowerSettings(model=f"{LOCAL_DIR}../{FOLDER}")
    save_checkpoint(out, model, towers, step=0, validation=None, origin=origin)
    count = sum(tensor.numel() for tensor in state.values())
    return Imported(out, " and ".join(dtypes), count, sizes, model.method, ignored)


def _read(path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return the parameters by name, without the prefix "module.", and the names of ignored entries."""
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{path} is not a file of plain tensors (torch.load, weights_only=True): {reason}") from error
    wrapper = next((key for key in _WRAPPERS if isinstance(content, Mapping) and key in content), None)
    if wrapper is not None:
        content = content[wrapper]
    if not isinstance(content, Mapping) or not content:
        raise ModelError(f"{path} contains a {type(content).__name__}; expected a dict of parameters")
    content = {str(name).removeprefix("module."): value for name, value in content.items()}
    state = {name: value for name, value in content.items() if name not in _NO_PARAMETERS}
    for name, value in state.items():
        if not isinstance(value, Tensor) or not value.is_floating_point():
            kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
            raise ModelError(f"{path}: parameter {name!r} is of type {kind}; expected a floating-point tensor")
        if not value.isfinite().all():
            raise ModelError(f"{path}: parameter {name!r} contains NaN or infinite values")
    return state, tuple(name for name in content if name in _NO_PARAMETERS)


def _method(state: dict[str, Tensor]) -> MethodSettings:
    """Infer the method settings from the names of the parameters."""
    experts = [(ours.split(".")[1], number) for ours, number in map(from_authors, state) if number is not None]
    counts = {group: max((n + 1 for of, n in experts if of == group), default=0) for group in _EXPERTS.values()}
    mmae = any(name.startswith("weight_attn_") for name in state)
    gi_itm = any(name.startswith(("weight_full.", "itm_head.")) for name in state)
    if (mmae or gi_itm) and not (counts["image"] + counts["shared"] and counts["text"] + counts["shared"]):
        found = ", ".join(f"{group} {count}" for group, count in counts.items())
        raise ModelError(f"the checkpoint has gates but lacks experts for them; experts found: {found}")
    numbers: dict[str, Any] = {f"{group}_experts": count for group, count in counts.items()}
    return MethodSettings(mmae=mmae, gi_itm=gi_itm, mask_padding=False, **numbers)


def _check_names(state: dict[str, Tensor], model: EntityCLIP, path: Path) -> None:
    expected = shapes_at_authors(model.state_dict())
    wrong = {
        "missing": [name for name in expected if name not in state],
        "unknown": [name for name in state if name not in expected],
        "wrong shape": [
            f"{name} {tuple(tensor.shape)} instead of {tuple(expected[name])}"
            for name, tensor in state.items()
            if name in expected and tensor.shape != expected[name]
        ],
    }
    if any(wrong.values()):
        found = "; ".join(f"{what}: {_some(names)}" for what, names in wrong.items() if names)
        raise ModelError(f"{path} is not a checkpoint of the authors' model; {found}")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def from_authors(name: str) -> tuple[str, int | None]:
    """Return our name for a parameter of the authors' model and, for experts, its index in our stack (else None).

    A parameter that belongs to no expert, gate or matching head is assumed to belong to CLIP.
    """
    for theirs, group in _EXPERTS.items():
        number, _, parameter = name.removeprefix(theirs).partition(".")
        if name.startswith(theirs) and number.isdecimal() and parameter in _IN_AN_EXPERT:
            return f"experts.{group}.{_IN_AN_EXPERT[parameter]}", int(number)
    for theirs, ours in _OTHERS.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs), None
    return "clip." + name, None


def shapes_at_authors(state: dict[str, Tensor]) -> dict[str, torch.Size]:
    """Return the shapes that our state dict's parameters have in the authors' model, by the authors' names."""
    prefixes = {group: theirs for theirs, group in _EXPERTS.items()}
    parameters = {ours: theirs for theirs, ours in _IN_AN_EXPERT.items()}
    shapes = {}
    for name, tensor in state.items():
        if name.startswith("experts."):
            _, group, parameter = name.split(".")
            for number in range(len(tensor)):
                shapes[f"{prefixes[group]}{number}.{parameters[parameter]}"] = tensor.shape[1:]
            continue
        renamed = [theirs + name.removeprefix(ours) for theirs, ours in _OTHERS.items() if name.startswith(ours)]
        shapes[(*renamed, name.removeprefix("clip."))[0]] = tensor.shape
    return shapes


def state_from_authors(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the authors' parameters to ours, and stack each group's experts, which must be numbered without gaps."""
    renamed: dict[str, Tensor] = {}
    stacks: dict[str, dict[int, Tensor]] = {}
    for name, tensor in state.items():
        ours, number = from_authors(name)
        if number is None:
            renamed[ours] = tensor
        else:
            stacks.setdefault(ours, {})[number] = tensor
    for ours, stack in stacks.items():
        renamed[ours] = torch.stack([stack[number] for number in range(len(stack))])
    return renamed
