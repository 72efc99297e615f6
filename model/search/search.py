"""Exact search in an index: the embeddings are read chunk by chunk, and every image is scored in fp32.

An approximate index is not needed: one core scores a million images of 512 dimensions in well under a second
(docs/evaluation.md has the measurements, with faiss for comparison).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from model.clip.towers import Towers
from model.errors import ModelError
from model.search.encoder import Encoder
from model.search.index import EMBEDDINGS, Index
from model.search.ways import TENSORS, TOWERS

_ROWS = 1 << 16  # images scored at once: 128 MiB for embeddings of width 512 in fp32


@dataclass(frozen=True)
class Hit:
    """An image found by a search: its rank, its cosine similarity to the query (`score`), and its index entry."""

    rank: int
    score: float
    id: str
    image: str | None  # path; None if the shards hold the image's bytes
    captions: list[str]


def embed_queries(towers: Towers, texts: Sequence[str], images: Sequence[Path]) -> tuple[Tensor, list[str]]:
    """Encode texts, then image files; return L2-normalised fp32 embeddings (Q, D), and remarks for the user.

    Raises ModelError if a text is empty or an image cannot be decoded.
    """
    encoder = Encoder(towers, "cpu")
    vectors = torch.cat([encoder.encode_texts(texts), encoder.encode_images(images)])
    cut = f"{encoder.truncated} queries are longer than {encoder.context_length} tokens and are truncated"
    return vectors, [cut] if encoder.truncated else []


def search(index: Index, queries: Tensor, top: int, way: str = TOWERS) -> list[list[Hit]]:
    """Return the `top` best images (all, if the index has fewer) for each of the queries (Q, D), best first.

    Args:
        queries: of a `way` that the index has (`model.search.ways`); by "both", they have two halves (Q, 2 D).

    Raises ModelError if the queries and the index have embeddings of different widths.
    """
    tensors = TENSORS[way]
    width = index.about["width"] * len(tensors)
    if queries.shape[1] != width:
        raise ModelError(f"the query width is {queries.shape[1]}, but {index.folder} has width {width}")
    scores, rows = best_images(index.folder / EMBEDDINGS, queries, top, tensors)
    return [
        [_hit(index, rank, score, row) for rank, (score, row) in enumerate(zip(*found, strict=True), start=1)]
        for found in zip(scores.tolist(), rows.tolist(), strict=True)
    ]


def best_images(
    embeddings: Path, queries: Tensor, top: int, tensors: Sequence[str] = TENSORS[TOWERS]
) -> tuple[Tensor, Tensor]:
    """Return the scores and row numbers (Q, top) of the best images for the queries (Q, D), best first.

    `embeddings` is a safetensors file with the `tensors`, each (M, D), which are read chunk by chunk, side by side. If
    there are fewer than `top` images, all are returned.
    """
    scores, rows = torch.empty(len(queries), 0), torch.empty(len(queries), 0, dtype=torch.int64)
    for start, chunk in _chunks(embeddings, tensors):
        best, where = (queries @ chunk.T).topk(min(top, len(chunk)), dim=1)
        scores, order = torch.cat([scores, best], dim=1).sort(dim=1, descending=True, stable=True)
        rows = torch.cat([rows, where + start], dim=1).gather(1, order)[:, :top]
        scores = scores[:, :top]
    return scores, rows


def rank_of(embeddings: Path, query: Tensor, right: Sequence[int]) -> int:
    """Return the rank of the best-scoring row among `right` (at least one row number) for a query (D,).

    As in evaluation, it is 1 + the number of wrong rows that score at least as high, so ties count against the model.
    """
    scores = torch.cat([chunk @ query for _, chunk in _chunks(embeddings, TENSORS[TOWERS])])
    wrong = torch.ones(len(scores), dtype=torch.bool)
    wrong[list(right)] = False
    return 1 + int((scores[wrong] >= scores[~wrong].max()).sum())


def _chunks(embeddings: Path, tensors: Sequence[str]) -> Iterator[tuple[int, Tensor]]:
    with safe_open(embeddings, "pt") as file:
        saved = [file.get_slice(name) for name in tensors]
        for start in range(0, saved[0].get_shape()[0], _ROWS):
            yield start, torch.cat([one[start : start + _ROWS].float() for one in saved], dim=1)


def _hit(index: Index, rank: int, score: float, row: int) -> Hit:
    found = index.rows.slice(row, 1).to_pylist()[0]
    image = None if found["image_path"] is None else str(Path(found["image_root"]) / found["image_path"])
    return Hit(rank, score, found["id"], image, found["captions"])
