from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.pair import Pair
from pipeline.prompt import PromptTemplate, load_prompt

PAIR = Pair("n1", "train", "n1.jpg", "Elizabeth II visits {{ Ascot }}", "sport")


@pytest.mark.parametrize("name", ["heraldry-v1", "news-v1"])
def test_shipped_templates_carry_the_caption_as_text(name: str) -> None:
    template = load_prompt(name, Path())
    assert template.name == name
    system, user = template.render(PAIR)
    assert (system["role"], user["role"]) == ("system", "user")
    assert PAIR.caption in user["content"]  # Jinja in a caption is not evaluated


def test_news_asks_for_what_can_be_seen() -> None:
    user = load_prompt("news-v1", Path()).render(PAIR)[1]["content"]
    assert "who or what" in user
    assert "seen" in user


def test_a_template_from_a_file_and_without_a_system_part(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("name: own-v1\nsystem: ''\nuser: 'Who? {{ caption }} ({{ topic }})'\n")
    messages = load_prompt("own.yaml", tmp_path).render(PAIR)
    assert messages == [{"role": "user", "content": f"Who? {PAIR.caption} (sport)"}]


@pytest.mark.parametrize(
    "user", ["{{ headline }}", "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ caption.upper.__globals__ }}"]
)
def test_unknown_variables_and_escapes_are_refused(user: str) -> None:
    template = PromptTemplate(name="bad-v1", system="", user=user)
    with pytest.raises(PipelineError, match="bad-v1"):
        template.render(PAIR)


@pytest.mark.parametrize("text", ["name: x\nuser: '{% if %}'\nsystem: ''", "name: x\nusr: a\nsystem: ''", "["])
def test_a_broken_template_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.yaml").write_text(text)
    with pytest.raises(PipelineError, match=r"broken\.yaml"):
        load_prompt("broken.yaml", tmp_path)
