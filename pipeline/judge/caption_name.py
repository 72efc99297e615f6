"""A name of a caption, and which of its words tell it from other names."""

from itertools import pairwise

from entityclip.contract.entity_names import is_distinctive
from entityclip.contract.words import words
from pipeline.judge.name_parts import COMMON_PARTS, LONGER_NAMES, ROLES


class CaptionName:
    """A name of a caption: its chunks as written, its distinctive words, and those that few other names have."""

    def __init__(self, run: list[str]) -> None:
        self.chunks = run
        self.words = [word for chunk in run for word in words(chunk) if is_distinctive(word)]
        role = 0  # `Goalkeeper Manuel Neuer` is known by his name only
        while role < len(self.words) - 1 and self.words[role] in ROLES:
            role += 1
        self.specific = [word for word in self.words[role:] if word not in COMMON_PARTS]
        known = set(self.specific)
        self.specific_chunks = [c for c in run if not known.isdisjoint(words(c))] + ["".join(run)] * (len(run) > 1)
        self.joined = " ".join(word for chunk in run for word in words(chunk))

    def is_within_another(self, text_words: list[str]) -> bool:
        """Return True if the name occurs only as a part of a longer name, known to be another person's."""
        longer = LONGER_NAMES.get(frozenset(self.specific))
        if longer is None or longer in self.joined.split():
            return False
        return {two for one, two in pairwise(text_words) if one == self.specific[-1]} == {longer}
