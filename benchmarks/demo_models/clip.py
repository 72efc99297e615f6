"""Build the demo's CLIP, which knows descriptions of shields, but no house by name.

python -m benchmarks.demo_models.clip OUT
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save_file
from tqdm import trange

from benchmarks.demo_models.build_note import write_build_note
from benchmarks.demo_models.generic_data import GenericData, generic_data
from benchmarks.demo_models.headroom import headroom
from benchmarks.demo_models.schedule import warm_up_then_cosine
from benchmarks.demo_models.tokenizer import clip_tokenizer
from model.clip.open_clip_import import open_clip
from pipeline.worlds.heraldry.render import SIZE
from pipeline.worlds.heraldry.vocabulary import world_words

CONTEXT_LENGTH = 40  # tokens; tests check that every text of this world fits
PIXEL_MEAN, PIXEL_STD = 0.5, 0.5


def open_clip_config(vocabulary: int) -> dict[str, Any]:
    """Return the content of `open_clip_config.json`: the model and its preprocessing."""
    return {
        "model_cfg": {
            "embed_dim": 96,
            "vision_cfg": {"image_size": SIZE, "patch_size": 8, "width": 96, "layers": 3, "head_width": 32},
            "text_cfg": {
                "context_length": CONTEXT_LENGTH,
                "vocab_size": vocabulary,
                # for a local-dir model open_clip ignores the name and reads the tokenizer next to the weights
                "hf_tokenizer_name": ".",
                "width": 96,
                "heads": 3,
                "layers": 3,
            },
        },
        "preprocess_cfg": {"mean": [PIXEL_MEAN] * 3, "std": [PIXEL_STD] * 3},
    }


def build_clip(folder: Path, *, seed: int, steps: int, batch_size: int, pairs: int, learning_rate: float) -> None:
    """Pre-train on generic captions and write a folder for `local-dir:`.

    Args:
        folder: created if missing; existing files are overwritten.
        seed: seed of the data, the weights and the order.
        steps: optimiser steps.
        batch_size: pairs per step.
        pairs: size of the training data.
        learning_rate: peak learning rate.
    """
    torch.manual_seed(seed)
    data = generic_data(seed, pairs)
    tokenizer = clip_tokenizer(world_words(), CONTEXT_LENGTH)
    config = open_clip_config(len(tokenizer))
    model = open_clip.CLIP(**config["model_cfg"])
    texts = tokenizer(
        data.captions, padding="max_length", max_length=CONTEXT_LENGTH, truncation=True, return_tensors="pt"
    ).input_ids
    pretrain(model, data, texts, seed=seed, steps=steps, batch_size=batch_size, learning_rate=learning_rate)

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    tokenizer.save_pretrained(folder)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors", metadata={"format": "pt"})


def pretrain(
    model: torch.nn.Module,
    data: GenericData,
    texts: torch.Tensor,
    *,
    seed: int,
    steps: int,
    batch_size: int,
    learning_rate: float,
) -> None:
    """Train a CLIP contrastively, in place.

    Args:
        model: an open_clip CLIP.
        data: the pictures.
        texts: token ids (N, L) of their captions.
        seed: seed of the order.
        steps, batch_size, learning_rate: as in `build_clip`.
    """
    decayed = [weight for weight in model.parameters() if weight.ndim >= 2]
    spared = [weight for weight in model.parameters() if weight.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": spared, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98))
    schedule = warm_up_then_cosine(optimizer, steps)
    order = np.random.default_rng(seed)
    labels = torch.arange(batch_size)
    model.train()
    for _ in (bar := trange(steps, desc="CLIP", unit="step", disable=None)):
        rows = order.choice(len(texts), batch_size, replace=False)
        images, words, scale = model(to_tensor(data.pictures[rows]), texts[torch.from_numpy(rows)])
        logits = scale * images @ words.T
        loss = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    model.eval()


def to_tensor(pictures: NDArray[np.uint8]) -> torch.Tensor:
    """Convert pictures (N, 48, 48, 3) uint8 to the image tower's input (N, 3, 48, 48), as its preprocessing does."""
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    return (pixels - PIXEL_MEAN) / PIXEL_STD


def main() -> None:
    """Build and evaluate the model, and write both to its BUILD.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for the model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--pairs", type=int, default=12_000, help="size of the pre-training data")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    settings = vars(parser.parse_args())
    folder = settings.pop("out")
    torch.set_num_threads(1)
    started = time.process_time()
    build_clip(folder, **settings)
    seconds = time.process_time() - started
    write_build_note(folder, "benchmarks.demo_models.clip", settings, cpu_seconds=seconds, measured=headroom(folder))


if __name__ == "__main__":
    main()
