"""Compares a model's checkpoint with its configuration: missing tensors, other shapes, a vocabulary that does not fit.

A tensor that is missing gets random values from transformers, which only logs it; all texts would then be junk.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from entityclip.contract.errors import ContractError
from entityclip.contract.weight_files import TensorInfo, tensors_in, weight_files, why_no_weights
from pipeline.chat_template import why_it_failed
from pipeline.errors import PipelineError
from pipeline.llm import LanguageModel

_NAMED = 3  # tensors named in a message
_SMALLEST_SHARE = 0.5  # of the embeddings that a tokenizer uses; models pad their embeddings by a few percent at most
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def check_weight_files(model: LanguageModel, *, other_formats: bool) -> None:
    """Check the files of a local model folder by their headers, in milliseconds; a hub model is not checked.

    Raises:
        PipelineError: weights are missing, truncated, Git LFS pointers or no weights.
    """
    if model.is_local and (why := why_no_weights(Path(model.source), other_formats=other_formats)):
        raise PipelineError(f"generation.model: {why}")


def load_model(model: LanguageModel, dtype: str) -> Any:
    """Load a model for generation with transformers.

    Raises:
        PipelineError: it cannot be loaded, or its checkpoint lacks tensors or has them in other shapes.
    """
    from transformers import AutoModelForCausalLM  # takes seconds to import

    try:
        with _no_loading_report():
            loaded, info = AutoModelForCausalLM.from_pretrained(
                model.source,
                revision=None if model.is_local else model.revision,
                local_files_only=model.is_local,
                dtype=dtype,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # reported below; transformers would raise an error that names none
            )
    except Exception as error:  # safetensors, pickle and each architecture raise their own exceptions
        raise PipelineError(f"the weights of model {model.name} cannot be loaded: {why_it_failed(error)}") from error
    check_loading(model.name, info)
    return loaded


def check_tensors(model: LanguageModel) -> None:
    """Compare the names and shapes of a local safetensors checkpoint with the model's configuration.

    The weights themselves are not read: each tensor is a view of one zero. Checkpoints in other formats, quantized
    ones, and those whose tensors transformers would merge (mixtures of experts) are not compared; loading does that.

    Raises:
        PipelineError: tensors are missing or have other shapes, or the configuration cannot be used.
    """
    if not model.is_local:
        return
    found: dict[str, TensorInfo] = {}
    try:
        files = weight_files(Path(model.source))
        if any(path.suffix != ".safetensors" for path in files):
            return
        for path in files:
            found |= tensors_in(path)
    except ContractError as error:
        raise PipelineError(f"generation.model: {error}") from error
    if not found:
        return
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM  # takes seconds to import

    try:
        config = AutoConfig.from_pretrained(model.source, local_files_only=True)
        if getattr(config, "quantization_config", None) or "expert" in " ".join(config.to_dict()):
            return
        with torch.device("meta"):
            kind = type(AutoModelForCausalLM.from_config(config))
        with _no_loading_report():
            _, info = kind.from_pretrained(
                None,
                config=config,
                state_dict={name: _zero_of(tensor) for name, tensor in found.items()},
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
    except Exception as error:  # each architecture raises its own exceptions
        raise PipelineError(f"the weights of model {model.name} cannot be loaded: {why_it_failed(error)}") from error
    check_loading(model.name, info)


def check_loading(name: str, info: Any) -> None:
    """Check what transformers reports about a loaded checkpoint; tensors that the model does not have are no error.

    Raises:
        PipelineError: tensors are missing, or have other shapes.
    """
    missing, mismatched = sorted(info["missing_keys"]), sorted(info["mismatched_keys"])
    if missing:
        foreign = info["unexpected_keys"]
        others = f", and it has {len(foreign)} that the model does not ({_some(sorted(foreign))})" if foreign else ""
        raise PipelineError(
            f"the weights of model {name} do not fit its config.json: the checkpoint lacks {len(missing)} tensors "
            f"({_some(missing)}){others}; they would be random. Download the model again, or use the weights and the "
            "config.json of one and the same model"
        )
    if mismatched:
        shapes = [f"{key} is {list(there)}, not {list(wanted)}" for key, there, wanted in mismatched]
        raise PipelineError(
            f"the weights of model {name} do not fit its config.json: {len(mismatched)} tensors have another shape "
            f"({_some(shapes)}); use the weights and the config.json of one and the same model"
        )


def check_vocabulary(model: LanguageModel, ids: list[int]) -> None:
    """Check that the tokenizer belongs to the model.

    Args:
        ids: token ids of a prompt, with the special tokens of the chat template.

    Raises:
        PipelineError: texts would get token ids that the model does not have, or few of those that it has.
    """
    config = Path(model.source) / "config.json"
    if not model.is_local or not config.is_file():
        return
    content = json.loads(config.read_bytes())
    rows = content.get("vocab_size") or (content.get("text_config") or {}).get("vocab_size")
    if not isinstance(rows, int):
        return
    words = model.tokenizer.get_vocab()
    added = {token.content for token in model.tokenizer.added_tokens_decoder.values()}
    highest = max([*ids, *(number for word, number in words.items() if word not in added)], default=0)
    if highest >= rows:
        raise PipelineError(
            f"the tokenizer of model {model.name} does not fit its weights: it returns token ids up to {highest:,}, "
            f"but the model has {rows:,} (vocab_size in config.json); use the tokenizer of the model itself"
        )
    if len(words) < _SMALLEST_SHARE * rows:
        raise PipelineError(
            f"the tokenizer of model {model.name} does not fit its weights: it has {len(words):,} tokens, but the "
            f"model has {rows:,} (vocab_size in config.json); use the tokenizer of the model itself"
        )


@contextmanager
def _no_loading_report() -> Iterator[None]:
    """Silence transformers' table of missing tensors and its progress bar; our errors say the same in a sentence."""
    from transformers.utils import logging

    before, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bar:
            logging.enable_progress_bar()


def _zero_of(tensor: TensorInfo) -> Any:
    import torch

    return torch.zeros((), dtype=getattr(torch, _DTYPES.get(tensor.dtype, "float32"))).expand(tensor.shape)


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
