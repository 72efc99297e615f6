"""Interprets the options `--llm` and `--clip` of `entityclip init`, and inspects the models that they select."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entityclip.contract.hub import plain_hub_name
from model.errors import ModelError
from model.run_files import BASE, CHECKPOINT, CONFIG, TOWERS, run_of
from model.settings.schema import LOCAL_DIR, TowerSettings
from pipeline.engines.vllm.server import DEFAULT_PYTHON
from pipeline.errors import PipelineError
from pipeline.manifest.engine_kind import EngineKind

_LLM = "mistralai/Mistral-7B-Instruct-v0.3"
_REVISION = "c170c708c41dac9275d15a8fff4eca08d52bab71"  # as in the manifests of the news datasets
_TOWERS = "ViT-B-32-quickgelu", "openai"  # as in the presets
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_SMALL_LLM = 2 * 2**30  # bytes of weights; with fewer, starting vLLM takes longer than it saves
_TINY = 64 * 2**20  # bytes of weights; with fewer, a second thread costs more time than it saves


@dataclass(frozen=True)
class Llm:
    """The chosen LLM and engine. `folder` is None for a hub model; `origin` and `reasons` are texts for the user."""

    name: str
    revision: str | None
    folder: Path | None
    engine: EngineKind
    max_model_len: int
    is_tiny: bool
    origin: str
    reasons: list[str]

    @property
    def max_tokens(self) -> int:
        """Return the maximum length of an explanation: 160 tokens, or a quarter of a small model's context."""
        return min(160, self.max_model_len // 4)


@dataclass(frozen=True)
class Towers:
    """The chosen CLIP model. `folder` is None if open_clip downloads the weights."""

    model: str
    pretrained: str | None
    folder: Path | None
    tokenizer: Path | None
    context_length: int
    is_tiny: bool
    origin: str
    reasons: list[str]


def choose_llm(given: str | None) -> Llm:
    """Return the LLM that the user gave, or the default one.

    Args:
        given: a folder, or NAME@REVISION of a hub model.

    Raises:
        PipelineError: the folder does not exist or contains no model, or a hub name has no revision.
    """
    folder = None if given is None else Path(given)
    if folder is not None and folder.is_dir():
        return _local_llm(folder)
    name, _, revision = plain_hub_name(given or _LLM).partition("@")
    revision = revision or (_REVISION if name == _LLM else "")
    if not _HUB_NAME.fullmatch(name):
        raise PipelineError(f"--llm {given} is neither a folder nor the name of a hub model")
    if not revision:
        raise PipelineError(
            f"--llm {given}: there is no such folder; for a model on the Hugging Face hub, add a commit or tag so that "
            f"the run can be repeated: --llm {name}@COMMIT"
        )
    origin = "from the Hugging Face hub"
    how = "at the given revision" if given else "the default; --llm selects another"
    vllm = "" if DEFAULT_PYTHON.is_file() else " (create its environment with: make vllm-env)"
    return Llm(
        name, revision, None, "vllm", 2048, False, origin, [f"LLM: {name} {origin} ({how})", f"engine: vllm{vllm}"]
    )


def _local_llm(folder: Path) -> Llm:
    config = _json(folder / "config.json")
    if not config:
        raise PipelineError(f"--llm {folder} has no config.json, so it is not a Hugging Face model")
    reads = (config.get("text_config") or config).get("max_position_embeddings")
    max_model_len = min(2048, reads) if isinstance(reads, int) and reads >= 16 else 2048
    weights = _weights(folder)
    small = weights < _SMALL_LLM
    engine: EngineKind = "transformers" if small or not DEFAULT_PYTHON.is_file() else "vllm"
    why = "small model" if small else "vLLM requires make vllm-env" if engine == "transformers" else "installed"
    reasons = [f"LLM: {folder} (a local folder; context of {max_model_len:,} tokens)", f"engine: {engine} ({why})"]
    return Llm(folder.name, None, folder.resolve(), engine, max_model_len, weights < _TINY, "a local folder", reasons)


def choose_towers(given: str | None) -> Towers:
    """Return the CLIP that the user gave, or the default one.

    Args:
        given: MODEL/WEIGHTS of open_clip, or the folder of an open_clip model or of a training run.

    Raises:
        ModelError: open_clip has no such model or weights, or there is no such folder.
    """
    if given is None:
        model, tag = _TOWERS
        reason = f"CLIP: {model} with weights {tag}, which open_clip downloads (the default; --clip selects another)"
        return Towers(model, tag, None, None, 77, False, "open_clip downloads the weights", [reason])
    if given.startswith(LOCAL_DIR) or Path(given).is_dir():
        return _local_towers(Path(given.removeprefix(LOCAL_DIR)))
    if (plain := plain_hub_name(given)) != given:
        raise ModelError(
            f"--clip {given}: download the model (hf download {plain} --local-dir FOLDER), and give local-dir:FOLDER"
        )
    model, slash, tag = given.rpartition("/")
    if not slash:
        raise ModelError(f"--clip {given}: add the weights, as in {given}/openai, or give a folder")
    reasons = []
    if tag == "openai" and not model.endswith("-quickgelu"):
        reasons.append(f"CLIP: {model}-quickgelu, because OpenAI's weights were trained with QuickGELU")
        model = f"{model}-quickgelu"
    from model.clip.open_clip_import import open_clip  # takes seconds
    from model.clip.pretrained import check_names

    check_names(TowerSettings(model=model, pretrained=tag))
    context = int((open_clip.get_model_config(model) or {}).get("text_cfg", {}).get("context_length", 77))
    reasons.append(f"CLIP: {model} with weights {tag}, which open_clip downloads")
    return Towers(model, tag, None, None, context, False, "open_clip downloads the weights", reasons)


def _local_towers(folder: Path) -> Towers:
    run = run_of(folder)
    base = folder if run is None else run / CHECKPOINT / BASE
    config = _json(base / CONFIG)
    if not config and run is None:
        raise ModelError(f"--clip {folder} is neither an open_clip model, as {CONFIG} is missing, nor a training run")
    context = int(((config.get("model_cfg") or {}).get("text_cfg") or {}).get("context_length", 77))
    tokenizer = base.resolve() if (base / "tokenizer.json").is_file() else None
    tiny = (_weights(folder) if run is None else (run / CHECKPOINT / TOWERS).stat().st_size) < _TINY
    kind = "a local folder" if run is None else "a training run"
    reason = f"CLIP: {folder} ({kind}; context of {context} tokens{'; tiny: higher learning rates' if tiny else ''})"
    return Towers("", None, folder.resolve(), tokenizer, context, tiny, kind, [reason])


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _weights(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.suffix in (".safetensors", ".bin", ".pt"))
