"""Heuristic recognition of names in captions.

The judge checks that an explanation mentions these names; evaluation counts how often training captions contain them.

In mixed-case captions, a name is a run of capitalised words. Lower-case particles (of, de, van, the ...) may occur
within a run; punctuation, days and months end it, but `May` after a first name counts as a surname (Theresa May). At
least one word of a run must be distinctive: not a title, photo credit, English stop word or single letter. A single
capitalised word at the start of a sentence is not a name unless it is all capitals (NATO).

If case carries no information (all lower or upper case, scripts without case), a name is a run of words in the caption
that all occur in the explanation and are not stop words, because the prompt asks the LLM to mention the named entities.
The judge does not look for such names: by definition, the explanation mentions them.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from entityclip.contract.words import word_set, words, words_of_chunk

Name = frozenset[str]  # distinctive words, normalised by `words`, in any order


ENGLISH_STOP_WORDS = word_set(
    "the of and to in a is was for on as with by he that at from his an it are which or be has its were had who this "
    "their they also been not after but her she have can may into often during when where other than them would will "
    "there these those him about over between under"
)
# Lower-case words that may occur inside a name: `Ursula von der Leyen`, `University of Oxford`.
_PARTICLES = word_set(
    "of the de del della di da das do dos du des la le el al van der den von zu ter bin ibn ben abu y e"
)
# Capitalised words that are not names: titles, days and months, photo credits.
_TITLES = word_set(
    "mr mrs ms miss dr sir dame lord lady saint st king queen prince princess pope bishop archbishop cardinal imam "
    "president vice prime minister chancellor premier secretary foreign defense defence interior senator sen governor "
    "gov rep representative congressman congresswoman mayor judge justice professor prof captain capt general gen "
    "colonel col sergeant sgt officer director chief chairman chairwoman coach ambassador former"
)
_DAYS_AND_MONTHS = word_set(
    "monday tuesday wednesday thursday friday saturday sunday january february april june july august september "
    "october november december jan feb apr jun jul aug sept sep oct nov dec mon tue tues wed thu thurs fri sat sun"
) | {"march", "may"}
_CREDITS = word_set(
    "photo photograph photographs photographer picture pictured credit credits file handout image images"
)
_AGENCIES = word_set("reuters ap afp epa getty shutterstock alamy")
_NOT_DISTINCTIVE = ENGLISH_STOP_WORDS | _PARTICLES | _TITLES | _CREDITS | _AGENCIES
_BETWEEN_NAMES = ENGLISH_STOP_WORDS | _PARTICLES | word_set("before behind near while")
_PREFIX = re.compile(r"^[a-z]{1,4}['\u2019-](?=[^\W\d_])")  # al-Assad, d'Orsay, anti-Trump
_EDGES = re.compile(r"^(\W*)(.*?)(\W*)$", re.DOTALL)


def names_in(caption: str, explanation: str | None = None) -> set[Name]:
    """Return the names in a caption, each as its set of distinctive words.

    Args:
        explanation: the caption's explanation, used only if the caption's case carries no information; without it,
            such a caption has no names.
    """
    if caption.upper() != caption != caption.lower():
        runs = _capitalised_runs(caption)
    elif explanation:
        runs = _repeated_runs(caption, explanation)
    else:
        return set()
    return {frozenset(run) for run in runs} - {frozenset()}


def name_runs(text: str) -> list[tuple[list[str], bool]]:
    """Return the runs of capitalised words in a text, in order, each with whether it may be no name.

    A run is the list of its chunks as they are written, particles included. A single capitalised word at the start of a
    sentence may be no name.
    """
    return [([chunk.text for chunk in run], doubtful) for run, doubtful in _runs_of_chunks(text)]


def _repeated_runs(caption: str, explanation: str) -> list[list[str]]:
    repeated = set(words(explanation)) - _BETWEEN_NAMES
    runs = [list(run) for is_repeated, run in groupby(words(caption), repeated.__contains__) if is_repeated]
    return [[word for word in run if is_distinctive(word) and word not in _DAYS_AND_MONTHS] for run in runs]


def _capitalised_runs(caption: str) -> list[list[str]]:
    return [
        [word for chunk in run for word in chunk.distinctive]
        for run, doubtful in _runs_of_chunks(caption)
        if not doubtful
    ]


def _runs_of_chunks(caption: str) -> "list[tuple[list[_Chunk], bool]]":
    """Return each run, with True if it is a single word that is capitalised because a sentence begins with it."""
    runs: list[tuple[list[_Chunk], bool]] = []
    run: list[_Chunk] = []
    starts = begins_sentence = True

    def close() -> None:
        nonlocal run
        if run:
            runs.append((run, begins_sentence and len(run) == 1 and not run[0].is_acronym))
        run = []

    pieces = caption.split()
    for piece, following in zip(pieces, [*pieces[1:], ""], strict=True):
        chunk = _classify(piece)
        if chunk.opens:
            close()
        if chunk.is_capitalised or (run and chunk.may_be_surname and not following[:1].isdigit()):
            if not run:
                begins_sentence = starts
            run.append(chunk)
        elif not run or not chunk.is_particle or (begins_sentence and len(run) == 1):
            close()  # in `Supporters of Donald Trump` the first word is a common noun
        if chunk.closes:
            close()
        starts = chunk.ends_sentence
    close()
    return runs


def is_distinctive(word: str) -> bool:
    """Return True if a word, normalised by `words`, can tell a name from others: no title, particle or stop word."""
    return len(word) > 1 and word not in _NOT_DISTINCTIVE


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The properties of a whitespace-separated chunk of a caption that matter for names."""

    text: str  # without punctuation around it
    distinctive: tuple[str, ...]
    is_capitalised: bool
    is_acronym: bool
    may_be_surname: bool  # `May`, which is a surname after a first name unless a number follows
    is_particle: bool
    opens: bool  # starts with punctuation, such as a quotation mark
    closes: bool  # ends with punctuation that ends a name
    ends_sentence: bool


@lru_cache(maxsize=1 << 15)
def _classify(piece: str) -> _Chunk:
    before, core, after = _EDGES.findall(piece)[0]
    core = _PREFIX.sub("", core)
    parts = words_of_chunk(core)
    is_day = len(parts) == 1 and parts[0] in _DAYS_AND_MONTHS
    abbreviates = after == "." and (len(core) == 1 or "." in core or (len(parts) == 1 and parts[0] in _TITLES))
    return _Chunk(
        text=core,
        distinctive=tuple(part for part in parts if is_distinctive(part)),
        is_capitalised=core[:1].isupper() and not is_day,
        is_acronym=len(core) > 1 and core.isupper(),
        may_be_surname=core == "May",
        is_particle=len(parts) == 1 and parts[0] in _PARTICLES and core.islower(),
        opens=bool(before),
        closes=bool(after) and not abbreviates,
        ends_sentence=any(c in ".!?:" for c in after) and not abbreviates,
    )
