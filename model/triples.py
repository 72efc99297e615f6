"""Triples for training and evaluation: rows of the shards as tokens, pixels and groups.

Texts are tokenised once. Images are decoded once, at the start, if the whole split fits in `cache_mib` as
preprocessed bytes; otherwise per batch. An image that cannot be used costs its row and is reported.
"""

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from model.batch import Batch
from model.errors import ModelError
from model.images import BadImage, Preprocessing, decode
from model.shards import SplitRows, Triple
from model.tokens import tokenize
from model.towers import Towers, eot_position, image_size


@dataclass(frozen=True)
class Truncation:
    """Texts that exceed the context length."""

    captions: float  # share
    explanations: float | None  # share; None where explanations are not read


class TripleSet:
    """A split in memory: tokens, groups, topics, and images as bytes or as references."""

    def __init__(
        self, rows: SplitRows, towers: Towers, *, explanations: bool, cache_mib: int, trim: bool = False
    ) -> None:
        """Tokenise, and decode what fits. Raises ModelError if more than half of the images fail.

        With `trim`, the texts of a batch are cut to its longest; the caller knows that nothing reads padding.
        """
        self._clip, self._trim = towers.clip, trim
        self._preprocessing = Preprocessing(towers.transform)
        self._triples = rows.triples
        self.source = rows.source
        self.failures: dict[str, str] = {}  # id -> why its image cannot be used
        _check_roots(self._triples)
        height, width = image_size(towers.clip)
        self._cache: list[Tensor] | None = None
        if len(self._triples) * 3 * height * width <= cache_mib * 2**20:
            self._triples, self._cache = self._decode_all()
        self.ids = [t.id for t in self._triples]
        self.topics = [t.topic for t in self._triples]
        self.image_group = _groups([_image_identity(t) for t in self._triples])
        self.caption_group = _groups([t.caption.strip() for t in self._triples])
        self.key_group = _groups([t.key for t in self._triples])
        self._captions, cut = tokenize(towers, [t.caption for t in self._triples], "captions")
        self._explanations, cut_explanations = None, 0
        if explanations:
            texts = [t.explanation or "" for t in self._triples]
            self._explanations, cut_explanations = tokenize(towers, texts, "explanations")
        count = len(self._triples)
        self.truncation = Truncation(cut / count, cut_explanations / count if explanations else None)

    def __len__(self) -> int:
        return len(self._triples)

    def summary(self) -> str:
        """One line about what there is to train on."""
        parts = [f"{len(self)} pairs", f"{100 * self.truncation.captions:.1f} % of captions truncated"]
        if self.truncation.explanations is not None:
            parts.append(f"{100 * self.truncation.explanations:.1f} % of explanations truncated")
        if self.failures:
            parts.append(f"{len(self.failures)} images could not be used")
        return ", ".join(parts)

    def batch(self, rows: list[int]) -> tuple[Batch, list[int]]:
        """Load some rows; returns the batch and which rows are in it, those whose image could be used.

        Raises ModelError once more than half of all images have failed.
        """
        pixels = {row: self._pixels(row) for row in rows}
        kept = [row for row in rows if pixels[row] is not None]
        size = (0, 3, 1, 1)
        stacked = torch.stack([p for p in pixels.values() if p is not None]) if kept else torch.zeros(size)
        explanations = None if self._explanations is None else self._texts(self._explanations[kept])
        batch = Batch(
            ids=[self.ids[row] for row in kept],
            images=self._preprocessing.normalised(stacked),
            captions=self._texts(self._captions[kept]),
            explanations=explanations,
            image_group=self.image_group[kept],
            caption_group=self.caption_group[kept],
            key_group=self.key_group[kept],
        )
        return batch, kept

    def _texts(self, tokens: Tensor) -> Tensor:
        tokens = tokens.long()
        if self._trim and len(tokens):
            tokens = tokens[:, : int(eot_position(self._clip, tokens).max()) + 1]
        return tokens

    def _pixels(self, row: int) -> Tensor | None:
        return self._cache[row] if self._cache is not None else self._decode(self._triples[row])

    def _decode(self, triple: Triple) -> Tensor | None:
        if triple.id in self.failures:
            return None
        try:
            return self._preprocessing.pixels(decode(triple))
        except BadImage as error:
            self.failures[triple.id] = str(error)
            if 2 * len(self.failures) > len(self._triples):
                raise ModelError(
                    f"more than half of {len(self._triples)} images cannot be used; the last one, "
                    f"{triple.id!r}: {error} (image root {triple.image_root})"
                ) from error
            return None

    def _decode_all(self) -> tuple[list[Triple], list[Tensor]]:
        triples, cache = [], []
        for triple in tqdm(self._triples, desc="images", unit="image", disable=None, leave=False):
            pixels = self._decode(triple)
            if pixels is not None:
                triples.append(triple)
                cache.append(pixels)
        return triples, cache


def _check_roots(triples: list[Triple]) -> None:
    for root in {t.image_root for t in triples if t.image_bytes is None}:
        if not root.is_dir():
            raise ModelError(f"no image root at {root}; set data.image_root to where the images are")


def _image_identity(triple: Triple) -> Hashable:
    if triple.image_path is not None:
        return triple.image_root, triple.image_path
    return hashlib.sha256(triple.image_bytes or b"").digest()


def _groups(identities: list[Hashable]) -> Tensor:
    """(N,) int64, equal exactly where identities are."""
    numbers: dict[Hashable, int] = {}
    return torch.tensor([numbers.setdefault(identity, len(numbers)) for identity in identities])
