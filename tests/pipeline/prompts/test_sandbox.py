"""What templates may not do, and that what they may do is the same everywhere: `tests/data/prompts/attempts.jsonl`."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import jinja2
import pytest
from markupsafe import Markup

from pipeline.errors import PipelineError
from pipeline.pair import Pair
from pipeline.prompts.operations import METHODS
from pipeline.prompts.template import PromptTemplate
from tests.support.peak_memory import forget_peak, peak_mib

PAIR = Pair("n1", "train", "n1.jpg", "Ann & <Bob> visit Ascot", "sport")
MOST_MIB = 100


def _template(pieces: str | list[tuple[str, int]]) -> str:
    return pieces if isinstance(pieces, str) else "".join(text * times for text, times in pieces)


LINES = (Path(__file__).parents[2] / "data" / "prompts" / "attempts.jsonl").read_text(encoding="utf-8").splitlines()
ATTEMPTS: list[dict[str, Any]] = [{**line, "template": _template(line["template"])} for line in map(json.loads, LINES)]


def _rendered(template: str, pair: Pair = PAIR) -> str:
    return PromptTemplate(name="own-v1", user=template).render(pair)[0]["content"]


def test_every_attempt_ends_as_recorded_in_little_memory() -> None:
    """Recorded in another process, so nothing depends on the process: no address, no order of hashes."""
    assert Counter(attempt["kind"] for attempt in ATTEMPTS).total() > 200
    for attempt in ATTEMPTS:
        before = forget_peak()
        if "refused" in attempt:
            with pytest.raises(PipelineError, match="prompt template own-v1") as refused:
                _rendered(attempt["template"])
            assert attempt["refused"] in str(refused.value), attempt["template"][:200]
            assert len(str(refused.value)) < 500 and str(refused.value).isprintable()
        else:
            text = _rendered(attempt["template"])
            found = {"gives": text} if "gives" in attempt else {"sha256": hashlib.sha256(text.encode()).hexdigest()}
            assert found.items() <= attempt.items(), attempt["template"][:200]
        assert peak_mib() - before < MOST_MIB, attempt["template"][:200]


def test_what_is_allowed_gives_what_jinja_gives() -> None:
    jinja = jinja2.Environment(undefined=jinja2.StrictUndefined)
    for attempt in ATTEMPTS:
        if attempt["kind"] == "rendered":
            expected = jinja.from_string(attempt["template"]).render(caption=PAIR.caption, id=PAIR.id, topic=PAIR.topic)
            assert _rendered(attempt["template"]) == expected, attempt["template"]


ARGUMENTS = [(), (9,), ("s",), ("s", "t"), (["a", "b"],)]


@pytest.mark.parametrize("kind", METHODS, ids=lambda kind: kind.__name__)
def test_listed_methods_exist_and_do_what_they_do_in_python(kind: type) -> None:
    value = kind() if kind is dict else kind("as you")
    assert METHODS[kind] <= set(dir(value))
    for name in METHODS[kind]:
        given = [one for one in ARGUMENTS if _works(value, name, one)]
        assert given, name
        for arguments in given:
            expected = getattr(value, name)(*arguments)
            source = {dict: "{}", Markup: "('as you' | safe)"}.get(kind, repr(value))
            call = f"{source}.{name}({', '.join(map(repr, arguments))})"
            if name in ("keys", "values", "items"):
                expected = list(expected)
            assert _rendered("{{ [" + call + "] | string }}") == str([expected])


def _works(value: Any, name: str, arguments: tuple[Any, ...]) -> bool:
    try:
        getattr(value, name)(*arguments)
    except (TypeError, ValueError):
        return False
    return True


def test_a_caption_of_any_length_fits_a_usual_template() -> None:
    """100,000 characters are the most that readers give; work that grows with them in proportion is no bomb."""
    words = "{% for word in caption.split() %}{{ loop.index }}. {{ word | lower | trim }}\n{% endfor %}"
    steps = "{% set text = caption | trim | lower | replace('a', 'b') %}{{ text.title() | truncate(999) }}{{ text }}"
    for caption in ("Ann at Ascot " * 7_692, "x" * 100_000, "家" * 100_000, "a " * 40_000):
        pair = Pair("1", "train", "1.jpg", caption)
        assert len(_rendered(words, pair)) > 50_000
        assert len(_rendered(steps, pair)) > 50_000
        assert _rendered("{{ caption | list | length }}", pair) == str(len(caption))
