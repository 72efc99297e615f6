import re

from hypothesis import given, strategies as st

from model.evaluation.entity_frequency import NO_NAME, buckets, frequencies

_WORDS = st.sampled_from("anna bela cato dora emil".split())


@given(
    st.lists(st.sets(st.frozensets(_WORDS, min_size=1, max_size=3), max_size=3), max_size=6),
    st.lists(st.lists(_WORDS, max_size=5), max_size=25),
)
def test_frequencies_are_those_of_looking_through_all_captions(
    names: list[set[frozenset[str]]], captions: list[list[str]]
) -> None:
    found = frequencies(names, (f"The {', '.join(caption).title()}!" for caption in captions))
    assert found == [
        min((sum(name <= set(caption) for caption in captions) for name in of_caption), default=None)
        for of_caption in names
    ]


def test_buckets_hold_every_row_once_and_say_their_bounds() -> None:
    found = [0, 1, 4, 5, 19, 20, 1000, None]
    rows = buckets(found)
    assert rows == {"unseen": [0], "1-4": [1, 2], "5-19": [3, 4], "20 or more": [5, 6], NO_NAME: [7]}
    for name, members in rows.items():
        if ends := [int(number) for number in re.findall(r"\d+", name)]:
            assert all(ends[0] <= (found[row] or 0) <= (ends[1:] or [10**9])[0] for row in members)
