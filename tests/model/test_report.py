import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from model.comparison import Comparison
from model.errors import ModelError
from model.evaluation import evaluate
from model.report import describe, write_report
from model.run_state import is_finished
from model.settings import TrainSettings
from model.training import train
from tests.model.shard_writer import picture, row, write_receipts, write_shard

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</article></table><h1>pwned",
    "{{ 7 * 7 }} {% raw %}",
    "&lt;b&gt; javascript:alert(1)",
)


@pytest.fixture(scope="module")
def hostile_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half-made shards whose every caption and explanation is an attack."""
    root = tmp_path_factory.mktemp("hostile")
    for split, count in (("train", 16), ("val", 4), ("test", 14)):
        (root / "images" / split).mkdir(parents=True)
        for number in range(count):
            picture(number).save(root / "images" / split / f"{number}.png")
        rows = [
            row(n, split, caption=f"lord {HOSTILE[n % 5]} of name{n}", explanation=f"{HOSTILE[-1 - n % 5]} star")
            for n in range(count)
        ]
        times = {"began_at": "2026-01-01T10:00:00.000+00:00", "finished_at": "2026-01-01T10:00:05.000+00:00"}
        extra = {
            "counts": {"ok": count},
            "generations": [
                {"engine": "<i>", "engine_version": "1", "requests": count, "completion_tokens": 50, **times}
            ],
            "model": "<u>tiny</u>",
            "revision": "1",
            "prompt": {"name": "<b>v1</b>"},
        }
        write_shard(root / "explanations", split, rows, root / "images", **extra)
    write_receipts(root / "explanations", pending=3)
    return root / "explanations"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_both_arms_and_hostile_text_stays_text(
    settings: TrainSettings, hostile_data: Path, tmp_path: Path
) -> None:
    data = settings.data.model_copy(update={"explanations": hostile_data, "allow_partial": True})
    settings = settings.model_copy(update={"data": data})
    off = settings.method.model_copy(update={"mmae": False, "gi_itm": False})
    arms = {"plain": settings.model_copy(update={"method": off}), "entityclip": settings}
    for arm, arm_settings in arms.items():
        train(arm_settings, tmp_path / arm)
        with pytest.raises(ModelError, match="was not evaluated"):
            write_report(tmp_path, "tiny", {name: tmp_path / name for name in arms})
        evaluate(tmp_path / arm)
    report = write_report(tmp_path, "tiny", {name: tmp_path / name for name in arms})

    page = report.path.read_text(encoding="utf-8")
    parsed = _Tags()
    parsed.feed(page)
    assert "script" not in parsed.tags and "i" not in parsed.tags and "u" not in parsed.tags
    assert parsed.tags.count("h1") == 1 and parsed.tags.count("article") == 12
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    links = [value or "" for name, value in parsed.attributes if name in ("src", "href")]
    assert links and all(link.startswith("data:image/") for link in links)  # self-contained: opens offline
    for attack in HOSTILE:
        assert attack in parsed.text
    for found in report.metrics.values():
        assert f"{found['mean_recall']:.1f}" in parsed.text
    assert "150 tokens at 30 tokens/s" in re.sub(r"\s+", " ", parsed.text)
    assert "explanations that were not complete: 3 planned pairs were left" in re.sub(r"\s+", " ", parsed.text)
    assert report.verdict in re.sub(r"\s+", " ", parsed.text)
    assert page.count("<img") == page.count(" alt=")  # words for those who cannot see them

    assert all(is_finished(tmp_path / arm, arms[arm]) for arm in arms)
    assert not is_finished(tmp_path / "plain", arms["entityclip"])
    assert not is_finished(tmp_path / "none", settings)
    shard = next((hostile_data / "split=train").glob("*.parquet"))
    shard.write_bytes(shard.read_bytes() + b" ")
    assert not is_finished(tmp_path / "plain", arms["plain"])


@pytest.mark.parametrize(
    ("comparison", "beginning"),
    [
        (Comparison(4.2, 3.0, 5.4), "entityclip is better than plain by 4.2 points of mean recall (34.2 against 30.0;"),
        (Comparison(-4.2, -5.4, -3.0), "entityclip is worse than plain by 4.2 points"),
        (Comparison(-0.4, -1.0, 0.2), "No clear difference: entityclip is -0.4 points of mean recall from plain"),
    ],
)
def test_the_verdict_is_plain_whoever_wins(comparison: Comparison, beginning: str) -> None:
    metrics = {"plain": {"mean_recall": 30.0}, "entityclip": {"mean_recall": 34.2}}
    verdict = describe("entityclip", "plain", metrics, comparison)
    assert verdict.startswith(beginning)
    assert "One training seed" in verdict
