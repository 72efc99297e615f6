"""Measures protocols on an embedded split: with explanations by an LLM that knows all entities, or only some."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from benchmarks.explained_search.arms import ArmPlan
from benchmarks.explained_search.results import ALL, Measured
from model.evaluation.explained import agreement, fused, low_agreement, mean_recalls, measured_with, protocols
from model.evaluation.explained_splits import Explained
from pipeline.worlds.heraldry.pools import UNSEEN

KNOWN_SHARES = (0.75, 0.5, 0.25)
DECLINES, INVENTS, GATED = "declines", "invents", "invents, gated"
KNOWN, UNKNOWN = "known", "unknown"  # pools of queries: all their entities are known to the LLM, or not
GATE = "gate"
_PROTOCOLS = {"towers": "explained", "both": "both", "mmae": "mmae"}
_NORMAL = 3.92  # standard errors in a 95 % interval
_SEED = 0  # of the choice of entities that the LLM knows


def by_weight(embedded: Mapping[str, Explained]) -> Iterator[Measured]:
    """Yield each protocol's mean recall by weight of explanations, and the gate.

    The gate is the agreement of captions with explanations that a tenth of the right explanations does not reach: so
    many are given up in order to recognise wrong ones.
    """
    for way, split in embedded.items():
        for alpha, mean_recall in mean_recalls(split).items():
            protocol = "caption" if way == "towers" and alpha == 0 else _PROTOCOLS[way]
            yield Measured(protocol, alpha, ALL, mean_recall, None, None, None)
    low = low_agreement(embedded["towers"])
    assert low is not None  # the demo's LLM explains everything
    yield Measured(GATE, low, ALL, 0.0, None, None, None)


def by_protocol(embedded: Mapping[str, Explained], plan: ArmPlan) -> Iterator[Measured]:
    """Yield the results of each protocol, by pool."""
    for protocol, found in protocols(embedded, plan.alpha)["protocols"].items():
        way = protocol.removesuffix("_others")
        yield from _by_pool(protocol, plan.alpha[way if way in ("both", "mmae") else "towers"], found)


def by_knowledge(split: Explained, plan: ArmPlan, houses: Mapping[str, Sequence[int]]) -> Iterator[Measured]:
    """Yield results with an LLM that knows some entities only, and for the rest declines, or invents.

    An invention is the explanation of another entity. With the gate, an explanation that agrees with its caption less
    than the plan's gate is not used, except for entities that training has not seen: nobody knows better there.

    Args:
        houses: the entities that each pair's caption names, by pair id.
    """
    alpha, text = plan.alpha["towers"], split.embeddings.text
    unseen = torch.tensor([topic == UNSEEN for topic in split.embeddings.topics])
    entities = sorted({house for named in houses.values() for house in named})
    order = torch.randperm(len(entities), generator=torch.Generator().manual_seed(_SEED)).tolist()
    for share in (1.0, *KNOWN_SHARES):
        known_ones = {entities[place] for place in order[: round(share * len(entities))]}
        known = torch.tensor([known_ones.issuperset(houses[row_id]) for row_id in split.embeddings.ids])
        declined = split.anchors * known[:, None]
        invented = torch.where(known[:, None], split.anchors, split.others)
        trusted = (agreement(text, invented) >= plan.gate) | unseen
        pools: list[str | None] = [KNOWN if one else UNKNOWN for one in known.tolist()]
        embeddings = split.embeddings._replace(topics=pools)
        ways = {GATED: invented * trusted[:, None]}
        if share < 1:
            ways |= {DECLINES: declined, INVENTS: invented}
            yield from _by_pool(knows(share, "caption"), 0.0, measured_with(embeddings, text, with_intervals=True))
        for name, anchors in ways.items():
            found = measured_with(embeddings, fused(text, anchors, alpha), with_intervals=True)
            yield from _by_pool(knows(share, name), alpha, found)


def knows(share: float, what: str) -> str:
    """Return the name of a protocol whose LLM knows a share of the entities."""
    return f"knows {100 * share:g} %, {what}"


def _by_pool(protocol: str, alpha: float, found: Mapping[str, Any]) -> Iterator[Measured]:
    for pool, of_pool in {ALL: found, **found["by_topic"]}.items():
        ends = (of_pool["intervals"] or {}).get("mean_recall")
        error = None if ends is None else (ends[1] - ends[0]) / _NORMAL
        ways = (of_pool[way]["R@1"] for way in ("text_to_image", "image_to_text"))
        yield Measured(protocol, 0.0 if protocol == "caption" else alpha, pool, of_pool["mean_recall"], error, *ways)
