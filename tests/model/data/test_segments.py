"""Explanations are split where an entity's description ends, and nothing of them is lost."""

import pytest
from hypothesis import given, strategies as st

from model.data.segments import segments, segments_that_fit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("house a bears one heart , house b bears a star", ["house a bears one heart", "house b bears a star"]),
        (
            "Dr. J. F. Kennedy was the 35th U.S. President. He wore a suit.",
            ["Dr. J. F. Kennedy was the 35th U.S. President.", "He wore a suit."],
        ),
        (
            "1. Angela Merkel: politician in a blazer. 2. Berlin: capital of Germany; it lies on the Spree.",
            [
                "1. Angela Merkel: politician in a blazer.",
                "2. Berlin: capital of Germany;",
                "it lies on the Spree.",
            ],
        ),
        ("Angela Merkel.\nA politician who wears blazers.", ["Angela Merkel. A politician who wears blazers."]),
        (
            "Berlin: a large city • Paris: a city on the Seine",
            ["Berlin: a large city", "Paris: a city on the Seine"],
        ),
        ("Born on Jan. 5, 1961. She won the race.", ["Born on Jan. 5, 1961.", "She won the race."]),
        ("The firm acme.com vs. others, e.g. in court.", ["The firm acme.com vs. others, e.g. in court."]),
        (
            "\u5b89\u683c\u62c9\u662f\u653f\u6cbb\u5bb6\u3002\u67cf\u6797\u662f\u9996\u90fd\u3002",
            ["\u5b89\u683c\u62c9\u662f\u653f\u6cbb\u5bb6\u3002", "\u67cf\u6797\u662f\u9996\u90fd\u3002"],
        ),
        ("one", ["one"]),
        (" ", []),
    ],
)
def test_segments(text: str, expected: list[str]) -> None:
    assert segments(text) == expected


@given(st.text(st.sampled_from("ab .,;!?\n\u2022\u3002\u00e91"), max_size=80), st.integers(1, 12))
def test_nothing_but_separators_is_lost_and_every_segment_fits(text: str, most: int) -> None:
    found = segments_that_fit(text, lambda texts: [len(one) <= most for one in texts])
    kept = "".join("".join(found).split())
    letters = [c for c in text if c.isalnum()]
    assert [c for c in kept if c.isalnum()] == letters
    assert all(len(one) <= most for one in found)
    assert all(one.strip() for one in found)
