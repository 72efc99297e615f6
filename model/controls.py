"""Controls: training data that is wrong on purpose, to see what the right data is worth."""

from dataclasses import replace

import numpy as np
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
    text = rows.triples.groups("explanation").numpy()  # (N,) which text a row has
    _, first = np.unique(text, return_index=True)  # of each text, the first row that has it
    _, last = np.unique(text[::-1], return_index=True)
    if len(first) < 2:
        raise ModelError("data.wrong_explanations: the training split has only one explanation to choose from")
    texts = np.argsort(last)  # in the order in which they are met from the last row on
    circle = texts[torch.randperm(len(texts), generator=seeded(seed, "wrong explanations")).numpy()]
    donor = np.empty(len(texts), np.int64)
    donor[circle] = first[np.roll(circle, -1)]
    return replace(rows, triples=rows.triples.with_explanations_of(donor[text]))
