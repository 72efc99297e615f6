"""Encodes texts and images into one embedding space with a trained CLIP, for use as a library."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from entityclip.contract.image_rules import BadImage, decode_image, to_rgb
from model.checkpoints.checkpoint import load_clip
from model.clip.tokenize import TextReader
from model.clip.towers import Towers
from model.data.images import Preprocessing
from model.distributed.device import choose_device
from model.errors import ModelError


class Encoder:
    """The two towers of a CLIP for inference. The dot product of two embeddings is their cosine similarity.

    Attributes:
        truncated: number of texts so far that were truncated because they were longer than the model's context.
    """

    def __init__(self, towers: Towers, device: str = "auto") -> None:
        """Move the towers to a device: `auto` (a GPU if there is one), `cpu` or `cuda`."""
        self._device = choose_device(device)
        self._clip: Any = towers.clip.to(self._device).eval()
        self._read_texts = TextReader(towers)
        self._preprocessing = Preprocessing(towers.transform)
        self.truncated = 0

    @property
    def context_length(self) -> int:
        """Return the maximum number of tokens that the text tower reads."""
        return self._read_texts.context_length

    @cached_property
    def width(self) -> int:
        """Return the dimension D of the embeddings."""
        return self.encode_texts(["a"]).shape[1]

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str], batch_size: int = 256) -> Tensor:
        """Return L2-normalised fp32 embeddings (N, D) on the CPU. Raises ModelError if a text is empty."""
        if isinstance(texts, str):
            raise TypeError("texts must be a list of texts, not a single text")
        if any(not text.strip() for text in texts):
            raise ModelError("a query is empty; give a text to search for")
        found = []
        for batch in _batches(texts, batch_size):
            tokens, truncated = self._read_texts([text.strip() for text in batch], "texts")
            self.truncated += truncated
            found.append(self._clip.encode_text(tokens.long().to(self._device), normalize=True).float().cpu())
        return torch.cat(found) if found else torch.empty(0, self.width)

    @torch.inference_mode()
    def encode_images(self, images: Sequence[Path | str | Image.Image], batch_size: int = 64) -> Tensor:
        """Return L2-normalised fp32 embeddings (N, D) on the CPU.

        Args:
            images: image files, or Pillow images.

        Raises ModelError if an image cannot be read or decoded.
        """
        found = []
        for batch in _batches(images, batch_size):
            pixels = torch.stack([self._preprocessing.pixels(_rgb(image)) for image in batch])
            inputs = self._preprocessing.normalised(pixels.to(self._device))
            found.append(self._clip.encode_image(inputs, normalize=True).float().cpu())
        return torch.cat(found) if found else torch.empty(0, self.width)


def load(folder: Path | str, device: str = "auto") -> Encoder:
    """Load a run folder, its checkpoint folder, or an export, for inference.

    Raises ModelError if the folder is none of these, or if it is damaged.
    """
    return Encoder(load_clip(Path(folder)), device)


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _rgb(image: Path | str | Image.Image) -> Image.Image:
    try:
        if isinstance(image, Image.Image):
            return to_rgb(image)
        return decode_image(Path(), None, Path(image).read_bytes())
    except OSError as error:
        raise ModelError(f"{image} cannot be read: {error}") from error
    except BadImage as error:
        raise ModelError(f"{image}: {error}") from error
