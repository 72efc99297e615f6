"""Controls: training data that is wrong on purpose, to see what the right data is worth."""

from dataclasses import replace

import torch

from model.errors import ModelError
from model.seeds import seeded
from model.shards import SplitRows


def with_wrong_explanations(rows: SplitRows, seed: int) -> SplitRows:
    """The same rows, each with another row's explanation and its key, the same one for rows that shared theirs.

    Distinct texts (so distinct keys too) are put in a circle in a random order, and each gives way to the next:
    no row keeps its text, every text is used, and how often each is used moves with it. The shards do not say
    which entity a row is about; two wordings about one entity can still meet, by chance.

    Raises ModelError if there are fewer than two distinct explanations.
    """
    first = {(triple.explanation or "").strip(): triple for triple in reversed(rows.triples)}
    texts = list(first)
    if len(texts) < 2:
        raise ModelError("data.wrong_explanations: the training split has only one explanation to choose from")
    order = torch.randperm(len(texts), generator=seeded(seed, "wrong explanations")).tolist()
    donor = {texts[one]: first[texts[other]] for one, other in zip(order, order[1:] + order[:1], strict=True)}
    triples = []
    for triple in rows.triples:
        other = donor[(triple.explanation or "").strip()]
        triples.append(replace(triple, explanation=other.explanation, key=other.key))
    return replace(rows, triples=triples)
