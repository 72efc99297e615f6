"""Evaluates the same runs with explanations instead of captions as queries, for houses unseen in training.

No method can teach a text tower a name that is not in its training data, but an explanation describes what to look for.
Every picture of the same houses counts as a correct answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import torch
from torch import Tensor

from benchmarks.ablation.runs import Run
from benchmarks.ablation.table import PoolResult, RowResult, spread
from model.checkpoints.checkpoint import load_trained_towers
from model.data.dataset import TripleDataset
from model.data.shards import read_split
from model.evaluation.clusters import Groups
from model.evaluation.compare import hits, load_embeddings, paired_difference
from model.training.anchors import embed_explanations

_BATCH = 256
CAPTION, EXPLANATION = "asked by caption", "asked by explanation"
Found = dict[str, dict[str, Tensor]]  # by kind of query and pool: each query's contribution to the mean recall


def found_by(run: Run, pools: Sequence[str]) -> Found:
    """Evaluate a run on its saved test embeddings, with captions and with explanations as queries."""
    embeddings = load_embeddings(run.folder, "test")
    shots = [run.world.shots[row_id] for row_id in embeddings.ids]
    numbers = {houses: number for number, houses in enumerate(dict.fromkeys(frozenset(shot.houses) for shot in shots))}
    same = torch.tensor([numbers[frozenset(shot.houses)] for shot in shots])
    places = {pool: [place for place, shot in enumerate(shots) if shot.pair.topic == pool] for pool in pools}
    asked = {CAPTION: embeddings, EXPLANATION: replace(embeddings, text=_explanations(run, embeddings.ids))}
    values = {way: hits(texts, Groups(image=same, caption=same)) for way, texts in asked.items()}
    return {way: {pool: each[of_pool] for pool, of_pool in places.items()} for way, each in values.items()}


def explained_results(
    result: RowResult, found: Mapping[tuple[int, int], Found], baseline: Mapping[tuple[int, int], Found] | None
) -> list[RowResult]:
    """Return one table row per kind of query, with gains over plain CLIP queried in the same way.

    Args:
        result: the row with captions as queries; its learning rate, steps and pools are kept.
        found: results of the row's runs, by world and seed.
        baseline: results of plain CLIP's runs; None for plain CLIP itself.
    """
    results = []
    for way in (CAPTION, EXPLANATION):
        pools = {}
        for pool in result.pools:
            ours = {key: one[way][pool] for key, one in found.items()}
            base = None if baseline is None else {key: one[way][pool] for key, one in baseline.items()}
            means = {key: values.mean().item() for key, values in ours.items()}
            gain = None if base is None else paired_difference(ours, base)
            pools[pool] = PoolResult(fmean(means.values()), spread(means), gain)
        arm = replace(result.row.arm, name=f"{result.row.arm.name}, {way}")
        results.append(replace(result, row=replace(result.row, arm=arm), pools=pools))
    return results


def _explanations(run: Run, ids: Sequence[str]) -> Tensor:
    """Embed the explanations generated for these test pairs: (N, D) fp32, L2-normalised."""
    towers = load_trained_towers(run.folder)
    rows = read_split(run.world.explanations("generated"), "test", statuses=None)
    triples = TripleDataset(rows, towers, explanations=True)
    places = {row_id: place for place, row_id in enumerate(triples.ids)}
    return embed_explanations(towers.clip, triples, _BATCH)[[places[row_id] for row_id in ids]]
