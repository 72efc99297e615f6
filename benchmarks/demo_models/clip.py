"""Builds the demo's CLIP, which knows descriptions of shields but not the names of houses.

Usage: `python -m benchmarks.demo_models.clip OUT`.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
import typer
from numpy.typing import NDArray
from safetensors.torch import save_file

from benchmarks.demo_models.build_note import write_build_note
from benchmarks.demo_models.fit import fit
from benchmarks.demo_models.generic_data import generic_data
from benchmarks.demo_models.headroom import headroom
from benchmarks.demo_models.tokenizer import clip_tokenizer
from model.clip.open_clip_import import open_clip
from pipeline.worlds.heraldry.render import SIZE
from pipeline.worlds.heraldry.vocabulary import world_words

CONTEXT_LENGTH = 40  # tokens; tests check that every text of the demo world fits
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
                # for a local-dir model, open_clip ignores this name and reads the tokenizer next to the weights
                "hf_tokenizer_name": ".",
                "width": 96,
                "heads": 3,
                "layers": 3,
            },
        },
        "preprocess_cfg": {"mean": [PIXEL_MEAN] * 3, "std": [PIXEL_STD] * 3},
    }


def build_clip(folder: Path, *, seed: int, steps: int, batch_size: int, pairs: int, learning_rate: float) -> None:
    """Pre-train a CLIP on generic captions and write a folder that open_clip loads as `local-dir:FOLDER`.

    Args:
        folder: created if missing; existing files are overwritten.
        seed: seed for the data, the initial weights and the order of the pairs.
        learning_rate: peak learning rate.
    """
    torch.manual_seed(seed)
    pictures, captions = generic_data(seed, pairs)
    tokenizer = clip_tokenizer(world_words(), CONTEXT_LENGTH)
    config = open_clip_config(len(tokenizer))
    model = open_clip.CLIP(**config["model_cfg"])
    texts = tokenizer(
        captions, padding="max_length", max_length=CONTEXT_LENGTH, truncation=True, return_tensors="pt"
    ).input_ids
    decayed = [weight for weight in model.parameters() if weight.ndim >= 2]
    spared = [weight for weight in model.parameters() if weight.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": spared, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98))
    order = np.random.default_rng(seed)
    labels = torch.arange(batch_size)

    def contrastive_loss() -> torch.Tensor:
        rows = order.choice(len(texts), batch_size, replace=False)
        images, words, scale = model(to_tensor(pictures[rows]), texts[torch.from_numpy(rows)])
        logits = scale * images @ words.T
        return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

    fit(model, optimizer, steps, contrastive_loss, "CLIP")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    tokenizer.save_pretrained(folder)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors", metadata={"format": "pt"})


def to_tensor(pictures: NDArray[np.uint8]) -> torch.Tensor:
    """Preprocess uint8 pictures of shape (N, 48, 48, 3) to the image tower's input of shape (N, 3, 48, 48)."""
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    return (pixels - PIXEL_MEAN) / PIXEL_STD


def main(
    out: Annotated[Path, typer.Argument(help="Folder for the model.")],
    seed: int = 0,
    steps: int = 600,
    batch_size: int = 128,
    pairs: Annotated[int, typer.Option(help="Number of pre-training pairs.")] = 12_000,
    learning_rate: float = 1e-3,
) -> None:
    """Build and evaluate the demo's CLIP; record the command and the metrics in its BUILD.json."""
    sizes = {"steps": steps, "batch_size": batch_size, "pairs": pairs}
    settings: dict[str, Any] = {"seed": seed, **sizes, "learning_rate": learning_rate}
    torch.set_num_threads(1)
    build_clip(out, **settings)
    write_build_note(out, "benchmarks.demo_models.clip", settings, lambda: headroom(out))


if __name__ == "__main__":
    typer.run(main)
