"""Evaluates the ablation's runs with explanations instead of captions as queries, for houses unseen in training.

No method can teach a text tower a name that is not in its training data, but an explanation describes what to look for.
Every picture that shows the query's houses counts as a correct answer.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.ablation.runs import Run
from model.checkpoints.checkpoint import load_trained_towers
from model.data.dataset import TripleDataset
from model.data.shards import read_split
from model.evaluation.clusters import Groups
from model.evaluation.compare import hits, load_embeddings
from model.evaluation.embed_explanations import embed_explanations
from model.evaluation.retrieval import ranks

CAPTION, EXPLANATION = "asked by caption", "asked by explanation"


def found_by(run: Run, pools: Sequence[str]) -> dict[str, dict[str, Tensor]]:
    """Return each query's contribution to mean recall from saved embeddings, grouped by kind of query and by pool."""
    embeddings = load_embeddings(run.folder, "test")
    houses = [frozenset(run.world.shots[row_id].houses) for row_id in embeddings.ids]
    numbers = {each: number for number, each in enumerate(dict.fromkeys(houses))}
    same = torch.tensor([numbers[each] for each in houses])
    asked = {CAPTION: embeddings, EXPLANATION: replace(embeddings, text=_explanations(run, embeddings.ids))}
    groups = Groups(image=same, caption=same)
    values = {way: hits(ranks(texts.image, texts.text, groups)) for way, texts in asked.items()}
    return {way: run.by_pool(embeddings.ids, each, pools) for way, each in values.items()}


def _explanations(run: Run, ids: Sequence[str]) -> Tensor:
    """Embed the generated explanations of the test pairs `ids`. Returns L2-normalised fp32 vectors of shape (N, D)."""
    towers = load_trained_towers(run.folder)
    rows = read_split(run.world.explanations("generated"), "test", statuses=None)
    triples = TripleDataset(rows, towers, explanations=True)
    places = {row_id: place for place, row_id in enumerate(triples.ids)}
    return embed_explanations(towers.clip, triples, 256)[[places[row_id] for row_id in ids]]
