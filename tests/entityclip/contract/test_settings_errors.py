"""Every message about a wrong setting is in plain words."""

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from entityclip.contract.hub import plain_hub_name
from entityclip.contract.settings_errors import explain


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")

    count: int = Field(default=1, ge=1, le=9)
    share: float = Field(default=0.5, gt=0, lt=1)
    name: str = Field(default="a", pattern="^[a-z]+$", max_length=3)
    flag: bool = True
    kind: Literal["a", "b"] = "a"
    files: str | tuple[str, ...] | dict[str, str] = "x"
    folder: Path | None = None


class _Settings(BaseModel):
    section: _Section = _Section()
    needed: int


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"count": 0}, "must be at least 1"),
        ({"count": 10}, "must be at most 9"),
        ({"count": "x"}, "must be a whole number"),
        ({"count": 1.5}, "must be a whole number"),
        ({"share": 0}, "must be greater than 0.0"),
        ({"share": 1}, "must be less than 1.0"),
        ({"share": []}, "must be a number"),
        ({"name": "A"}, "must match the pattern ^[a-z]+$"),
        ({"name": "abcd"}, "must have at most 3 characters"),
        ({"name": 1}, "must be text"),
        ({"flag": "perhaps"}, "must be true or false"),
        ({"kind": "c"}, "must be 'a' or 'b'"),
        ({"files": 3}, "must be text or must be a list or must be a mapping of keys to values"),
        ({"folder": 3}, "must be a path"),
        ({"cuont": 3}, "unknown key; did you mean 'count'?"),
    ],
)
def test_each_kind_of_mistake(values: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError) as raised:
        _Settings.model_validate({"section": values, "needed": 1})
    (key,) = values
    assert list(explain(raised.value, _Settings, show_values=False)) == [(f"section.{key}", expected)]
    ((_, shown),) = explain(raised.value, _Settings, show_values=True)
    assert shown.startswith(expected)


def test_a_missing_section_is_named() -> None:
    with pytest.raises(ValidationError) as raised:
        _Settings.model_validate({"section": 3})
    assert dict(explain(raised.value, _Settings, show_values=False)) == {
        "section": "must be a mapping of keys to values",
        "needed": "is required, but missing",
    }


@pytest.mark.parametrize("at", [0, 50, 110, 200])
def test_secrets_in_values_are_masked_before_they_are_shortened(at: int) -> None:
    url = f"https://me:hunter2@host/{'x' * at}?X-Amz-Signature={'5ecret' * 20}"
    for value in (url, [url], {"a": [url]}):
        with pytest.raises(ValidationError) as raised:
            _Settings.model_validate({"section": {"count": value}, "needed": 1})
        ((_, shown),) = explain(raised.value, _Settings, show_values=True)
        assert "hunter2" not in shown and "ecret" not in shown


def test_names_of_the_hub_are_known_with_their_prefixes() -> None:
    for prefix in ("hf-hub:", "hf://", "https://huggingface.co/", ""):
        assert plain_hub_name(f"{prefix}org/name") == "org/name"
    assert plain_hub_name("https://huggingface.co/org/name/tree/main") == "org/name"
    assert plain_hub_name("/data/model") == "/data/model"
