"""Embeds a split for explained search: images, captions and explanations by the towers, and by MMAE's experts."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from model.checkpoints.checkpoint import load_entityclip
from model.clip.towers import Towers
from model.data.dataset import TripleDataset
from model.data.shards import SplitRows
from model.data.splits import image_text_dataset, read_one_split, with_wrong_explanations
from model.evaluation.clusters import Groups
from model.evaluation.compare import load_embeddings
from model.evaluation.embed import SplitEmbeddings, embed_images
from model.evaluation.embed_explanations import embed_explanations, embed_segments
from model.evaluation.embed_mixtures import embed_image_mixtures, embed_text_mixtures
from model.evaluation.evaluate import read_rows
from model.settings.schema import DataSettings

_SEED = 0  # of the derangement of explanations for the control


class Explained(NamedTuple):
    """A split's embeddings, and for each pair the anchors of its own and of another's explanation.

    Attributes:
        embeddings: images and captions by the towers; or V* and T* by the experts; or as in `ExplainedSplits.both`.
        anchors: A of each pair (N, D), 0 where it has no accepted explanation.
        others: A of another pair's explanation, for the control.
        text_of_others: texts (N, D) that go with `others`: T* with that explanation; by the towers, the captions.
    """

    embeddings: SplitEmbeddings
    anchors: Tensor
    others: Tensor
    text_of_others: Tensor


class ExplainedSplits:
    """Embeds a run's splits in each way, with their explanations."""

    def __init__(self, run: Path, data: DataSettings, reader: Towers, batch_size: int, device: torch.device) -> None:
        """Take the data to read, and the towers of before training, which are on `device`."""
        self._run, self._data, self._reader = run, data, reader
        self._batch_size, self._device = batch_size, device
        self._of_towers: dict[str, Explained] = {}

    def towers(self, name: str) -> Explained:
        """Return the embeddings of a split that `evaluate` saved, with the explanations' anchors."""
        if name in self._of_towers:
            return self._of_towers[name]
        saved = load_embeddings(self._run, name)
        explained = self._explained(name)
        others = with_wrong_explanations(explained, _SEED)
        embeddings = self._embeddings(name, saved.image, saved.text, saved.ids)
        found = Explained(embeddings, self._anchors(explained, saved.ids), self._anchors(others, saved.ids), saved.text)
        self._of_towers[name] = found
        return found

    def both(self, name: str) -> Explained:
        """Return vectors (N, 2 D) whose cosines are v . t + alpha v_0 . A, up to a factor of each query.

        v_0 is the image by the towers of before training: fine-tuning moves images away from what explanations say.
        """
        of_towers = self.towers(name)
        pairs = image_text_dataset(read_rows(self._data, name, speak=False), self._reader, self._data)
        rows = {row_id: row for row, row_id in enumerate(pairs.ids)}
        kept = [rows[row_id] for row_id in of_towers.embeddings.ids]
        before, read = embed_images(self._reader.clip, pairs, kept, self._batch_size, self._device)
        assert read == kept  # all of these images were usable when they were embedded with the trained towers
        image, text = of_towers.embeddings.image, of_towers.embeddings.text
        captions = torch.cat([text, torch.zeros_like(text)], dim=1)
        embeddings = of_towers.embeddings._replace(image=torch.cat([image, before], dim=1) / 2**0.5, text=captions)
        anchors, others = (
            torch.cat([torch.zeros_like(one), one], dim=1) for one in (of_towers.anchors, of_towers.others)
        )
        return Explained(embeddings, anchors, others, captions)

    def mixtures(self, name: str) -> Explained:
        """Return V* and T* of a split, T* with another's explanation, and the explanations' anchors."""
        model, trained = load_entityclip(self._run)
        model.to(self._device)
        rows, explained = read_rows(self._data, name, speak=False), self._explained(name)
        others = with_wrong_explanations(explained, _SEED)
        accepted = {triple.id for triple in explained.triples}

        def triples_of(rows: SplitRows) -> TripleDataset:
            triples = TripleDataset(rows, trained, explanations=True, workers=self._data.workers)
            triples.without_explanations([row for row, row_id in enumerate(triples.ids) if row_id not in accepted])
            if model.method.has_segment_anchors:
                triples.segments = embed_segments(self._reader.clip, triples, self._batch_size)[1]
            return triples

        triples, wrong = triples_of(rows), triples_of(others)
        text, kept = embed_text_mixtures(model, triples, self._batch_size, self._device)
        image, read = embed_image_mixtures(model, triples, kept, self._batch_size, self._device)
        assert read == kept
        with_others, of_wrong = embed_text_mixtures(model, wrong, self._batch_size, self._device)
        ids = [triples.ids[row] for row in kept]
        place = {row_id: row for row, row_id in enumerate(ids)}
        text_of_others = text.clone()
        text_of_others[[place[wrong.ids[row]] for row in of_wrong]] = with_others
        embeddings = self._embeddings(name, image, text, ids)
        return Explained(embeddings, self._anchors(explained, ids), self._anchors(others, ids), text_of_others)

    def _explained(self, name: str) -> SplitRows:
        """Return the rows of a split whose explanation was accepted."""
        return read_one_split(self._data, name, self._data.statuses)

    def _embeddings(self, name: str, image: Tensor, text: Tensor, ids: list[str]) -> SplitEmbeddings:
        pairs = image_text_dataset(read_rows(self._data, name, speak=False), self._reader, self._data)
        rows = {row_id: row for row, row_id in enumerate(pairs.ids)}
        kept = [rows[row_id] for row_id in ids]
        groups = Groups(image=pairs.image_group[kept], caption=pairs.caption_group[kept])
        return SplitEmbeddings(image, text, ids, [pairs.topics[row] for row in kept], groups, failures={})

    def _anchors(self, rows: SplitRows, ids: Sequence[str]) -> Tensor:
        triples = image_text_dataset(rows, self._reader, self._data)
        embedded = embed_explanations(self._reader.clip, triples, self._batch_size, segments=True)
        place = {row_id: row for row, row_id in enumerate(triples.ids)}
        anchors = embedded.new_zeros(len(ids), embedded.shape[1])
        found = [(number, place[row_id]) for number, row_id in enumerate(ids) if row_id in place]
        numbers, places = (list(column) for column in zip(*found, strict=True))
        anchors[numbers] = embedded[places]
        return anchors
