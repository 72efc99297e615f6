import tracemalloc
from pathlib import Path

import jinja2
import pytest
import yaml
from hypothesis import given, strategies as st

from model.data.segments import segments
from pipeline.errors import PipelineError
from pipeline.judge.cleaning import cleaned
from pipeline.judge.clip_tokens import token_counter
from pipeline.pair import Pair
from pipeline.prompts.template import PromptTemplate, load_prompt

PAIR = Pair("n1", "train", "n1.jpg", "Elizabeth II visits {{ Ascot }}", "sport")


@pytest.mark.parametrize("name", ["heraldry-v1", "news-v1", "news-v2"])
def test_shipped_templates_carry_the_caption_as_text(name: str) -> None:
    template = load_prompt(name, Path())
    assert template.name == name
    system, *examples, user = template.render(PAIR)
    assert (system["role"], user["role"]) == ("system", "user")
    assert [turn["role"] for turn in examples] == ["user", "assistant"] * (len(examples) // 2)
    assert PAIR.caption in user["content"]  # Jinja in a caption is not evaluated


def test_news_asks_for_what_can_be_seen() -> None:
    user = load_prompt("news-v1", Path()).render(PAIR)[1]["content"]
    assert "who or what" in user
    assert "seen" in user


def test_a_line_an_entity_is_a_segment_of_its_own_after_cleaning() -> None:
    template, count = load_prompt("news-v2", Path()), token_counter("openai", Path())
    assert len(template.examples) == 2
    for example in template.examples:
        lines = example.explanation.splitlines()
        assert segments(cleaned(example.explanation).text) == lines and len(lines) == 2
        assert all(count(line) <= 77 for line in lines)


def test_a_template_from_a_file_and_without_a_system_part(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("name: own-v1\nsystem: ''\nuser: 'Who? {{ caption }} ({{ topic }})'\n")
    messages = load_prompt("own.yaml", tmp_path).render(PAIR)
    assert messages == [{"role": "user", "content": f"Who? {PAIR.caption} (sport)"}]


TEMPLATES = [
    "Who? {{ caption }}",
    "{% set name = caption.split()[:2] | join('-') %}{{ name }} {{ id ~ caption ~ 1 }}",
    "{% if topic %}{{ topic | upper }}: {% endif %}{% for w in caption.split() %}{{ loop.index }}{{ w }}{% endfor %}",
    "{% macro q(text) %}\u00ab{{ text }}\u00bb{% endmacro %}{{ q(caption) }}{% block b %}{{ id }}{% endblock %}",
    "{{ 2 + 3 * 4 }} {{ caption | length % 7 }} {{ caption + id }} {{ caption | replace('a', '<b>') | truncate(20) }}",
    "no variable at all\n",
]


@pytest.mark.parametrize("text", TEMPLATES)
@given(pair=st.builds(Pair, st.text(), st.just("train"), st.just("i"), st.text(), st.none() | st.text(min_size=1)))
def test_a_template_is_rendered_as_jinja_renders_it(text: str, pair: Pair) -> None:
    jinja = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(text)
    expected = jinja.render(caption=pair.caption, id=pair.id, topic=pair.topic)
    assert PromptTemplate(name="any-v1", user=text).render(pair) == [{"role": "user", "content": expected}]


def test_examples_are_turns_before_the_question(tmp_path: Path) -> None:
    content = {
        "name": "shots-v1",
        "system": "Explain.",
        "user": "{% if topic %}[{{ topic }}] {% endif %}{{ caption }}",
        "examples": [
            {"caption": "The Queen at Ascot", "explanation": "An old lady {{ in }} a hat.", "topic": "sport"},
            {"caption": "Big Ben", "explanation": "A clock tower."},
        ],
    }
    (tmp_path / "shots.yaml").write_text(yaml.safe_dump(content))
    assert load_prompt("shots.yaml", tmp_path).render(PAIR) == [
        {"role": "system", "content": "Explain."},
        {"role": "user", "content": "[sport] The Queen at Ascot"},
        {"role": "assistant", "content": "An old lady {{ in }} a hat."},
        {"role": "user", "content": "Big Ben"},
        {"role": "assistant", "content": "A clock tower."},
        {"role": "user", "content": f"[sport] {PAIR.caption}"},
    ]
    content["user"] = "{{ id }}: {{ caption }}"  # the examples have none
    (tmp_path / "shots.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(PipelineError, match=r"shots\.yaml.*example 1: 'id' is undefined"):
        load_prompt("shots.yaml", tmp_path)


def test_the_documented_template_works(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "prompts.md").read_text(encoding="utf-8")
    (tmp_path / "own.yaml").write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    messages = load_prompt("own.yaml", tmp_path).render(PAIR)
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[-1]["content"] == f"Section: sport\nCaption: {PAIR.caption}"


ESCAPES = [
    "{{ headline }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ caption.upper.__globals__ }}",
    "{{ caption | attr('__class__') }}",
    "{{ caption['__class__'] }}",
    "{{ '{0.__class__}'.format(caption) }}",
    "{{ caption | map(attribute='__class__') | join }}",
    "{% include '/etc/passwd' %}",
    "{{ self.__init__.__globals__ }}",
]
NEVER_THE_SAME = ["{{ caption | random }}", "{{ lipsum() }}", "{{ caption.upper }}", "{{ cycler }}"]
BOMBS = [
    "{{ 'x' * 1000000000 }}",
    "{{ 1000000000 * caption }}",
    "{{ [caption] * 1000000000 }}",
    "{{ 9 ** 99999 }}",
    "{% for a in range(100000) %}{% for b in range(100000) %}{{ caption }}{% endfor %}{% endfor %}",
    "{{ caption.center(1000000000) }}",
    "{{ caption | center(1000000000) }}",
    "{{ caption | indent(1000000000, true) }}",
    "{{ caption.split() | batch(1000000000, 'x') | list | join }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{% set x = caption %}" + "{% set x = x ~ x %}" * 40 + "{{ x }}",
    "{% set x = caption %}" + "{% set x = x + x %}" * 40 + "{{ x }}",
    "{% set x = caption %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 40 + "{{ x }}",
    "{% set x = [caption] %}" + "{% set x = [x, x] %}" * 40 + "{{ x | string }}",
    "{{ caption" + " | replace('', 'xxxxxxxxxx')" * 10 + " }}",
    "{% macro m(x, n) %}{{ m(x ~ x, n - 1) if n else x }}{% endmacro %}{{ m(caption, 40) }}",
    "{% for a in caption * 1000 %}{% for b in caption * 1000 %}xxxxxxxxxx{% endfor %}{% endfor %}",
]


@pytest.mark.parametrize("user", [*ESCAPES, *NEVER_THE_SAME, *BOMBS])
def test_the_sandbox_holds(user: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(PipelineError, match="bad-v1"):
            PromptTemplate(name="bad-v1", user=user).render(PAIR)
        assert tracemalloc.get_traced_memory()[1] < 200_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text", ["name: x\nuser: '{% if %}'\nsystem: ''", "name: x\nusr: a\nsystem: ''", "name: x\nuser: ''", "["]
)
def test_a_broken_template_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.yaml").write_text(text)
    with pytest.raises(PipelineError, match=r"broken\.yaml"):
        load_prompt("broken.yaml", tmp_path)
