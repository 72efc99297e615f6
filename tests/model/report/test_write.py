import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from model.errors import ModelError
from model.evaluation.compare import Comparison
from model.evaluation.evaluate import evaluate
from model.report.sources import find_sources
from model.report.write import describe, write_page, write_report
from model.settings.schema import TrainSettings
from model.training.loop import train
from model.training.run_dir import is_finished
from tests.model.shard_writer import picture, row, write_receipts, write_shard
from tests.support.browser import visit

pytestmark = pytest.mark.usefixtures("undrawn_curves")

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


@pytest.fixture
def trained(settings: TrainSettings, hostile_data: Path, tmp_path: Path) -> dict[str, TrainSettings]:
    """Settings of two arms by their folder in `tmp_path`; they are trained, and not evaluated."""
    data = settings.data.model_copy(update={"explanations": hostile_data, "allow_partial": True})
    settings = settings.model_copy(update={"data": data})
    off = settings.method.model_copy(update={"mmae": False, "gi_itm": False})
    arms = {"plain": settings.model_copy(update={"method": off}), "entityclip": settings}
    for arm, arm_settings in arms.items():
        train(arm_settings, tmp_path / arm)
    return arms


def test_the_page_shows_both_arms_and_hostile_text_stays_text(
    trained: dict[str, TrainSettings], hostile_data: Path, tmp_path: Path, chromium: Browser
) -> None:
    for arm in trained:
        with pytest.raises(ModelError, match="has not been evaluated"):
            write_report(tmp_path, "tiny", {name: tmp_path / name for name in trained})
        evaluate(tmp_path / arm)
    report = write_report(tmp_path, "tiny", {name: tmp_path / name for name in trained})

    page = report.path.read_text(encoding="utf-8")
    parsed = _Tags()
    parsed.feed(page)
    assert "i" not in parsed.tags and "u" not in parsed.tags
    assert parsed.tags.count("h1") == parsed.tags.count("script") == 1
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    links = [value or "" for name, value in parsed.attributes if name in ("src", "srcset", "href")]
    assert links and all(link.startswith(("data:image/", "data:,", "#")) for link in links)  # opens offline
    for attack in HOSTILE:
        assert attack in parsed.text
    text = re.sub(r"\s+", " ", parsed.text)
    for found in report.metrics.values():
        assert f"{found['mean_recall']:.1f}" in text
    assert "150 tokens at 30 tokens/s" in text
    assert "incomplete explanations: 3 planned pairs were left" in text
    assert report.verdict in text
    assert page.count("<img") == page.count(" alt=")  # words for those who cannot see them
    with visit(chromium, report.path, width=390) as visited:
        assert visited.page.evaluate("document.documentElement.scrollWidth") == 390
        assert visited.page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert not visited.errors and not visited.dialogs and visited.requests == [report.path.as_uri()]

    assert {path.name for path in report.plots} == {
        *("learning_curves.png", "recall_by_entity_frequency.png", "explanation_length.png"),
        "expert_gates_2_entityclip.png",
    }
    for path in report.plots:
        assert path.parent == tmp_path / "report_plots"
        with Image.open(path) as plot:
            plot.load()
            assert plot.format == "PNG" and min(plot.size) > 300

    found = find_sources([tmp_path])  # as `entityclip report` finds them
    assert list(found.arms) == ["plain", "entityclip"] and found.explanations == hostile_data
    assert {arm: run.location for arm, run in found.arms.items()} == {arm: tmp_path / arm for arm in trained}

    assert all(is_finished(tmp_path / arm, trained[arm]) for arm in trained)
    assert not is_finished(tmp_path / "plain", trained["entityclip"])
    assert not is_finished(tmp_path / "none", trained["plain"])
    shard = next((hostile_data / "split=train").glob("*.parquet"))
    whole = shard.read_bytes()
    shard.write_bytes(whole + b" ")
    assert not is_finished(tmp_path / "plain", trained["plain"])
    shard.write_bytes(whole)


@pytest.mark.slow
def test_one_arm_that_is_not_evaluated_and_then_is(
    trained: dict[str, TrainSettings], hostile_data: Path, tmp_path: Path, chromium: Browser
) -> None:
    """Whatever there is makes a page: an arm alone, one that still trains, one whose explanations are gone."""
    run, out = tmp_path / "entityclip", tmp_path / "one.html"
    (run / "train.json").unlink()  # as while it trains
    report = write_page(out, "one", find_sources([run]))
    assert report.verdict.startswith("No run has been evaluated yet.") and report.comparison is None
    with visit(chromium, out) as visited:
        text = visited.page.inner_text("main")
        assert "entityclip was not evaluated on this split" in text and "unfinished" in text
        assert visited.page.locator("#training figure").count() == 7
        assert visited.page.locator("#examples").count() == 0
    assert not visited.errors

    evaluate(run)
    report = write_page(out, "one", find_sources([run]))
    assert report.verdict.startswith("Mean recall on the test split, in percent: entityclip ")
    with visit(chromium, out) as visited:
        assert visited.page.locator("#examples h3").all_text_contents() == ["At random"]
        assert visited.page.locator("#examples article").count() == 12
        rows = visited.page.locator("#retrieval table").first.locator("tbody tr")
        assert rows.count() == 3
    assert not visited.errors

    moved = tmp_path / "moved"
    shutil.copytree(hostile_data, moved)
    sources = find_sources([run, moved])
    shutil.rmtree(moved)
    report = write_page(out, "one", sources)
    with visit(chromium, out) as visited:
        text = visited.page.inner_text("main")
        assert "Unavailable: no explanations at" in text and "is readable" in text
    assert not visited.errors


@pytest.mark.parametrize(
    ("comparison", "beginning"),
    [
        (Comparison(4.2, 3.0, 5.4), "entityclip is better than plain by 4.2 points of mean recall (34.2 against 30.0;"),
        (Comparison(-4.2, -5.4, -3.0), "entityclip is worse than plain by 4.2 points"),
        (Comparison(-0.4, -1.0, 0.2), "No clear difference: entityclip differs from plain by -0.4 points"),
    ],
)
def test_the_verdict_is_plain_whoever_wins(comparison: Comparison, beginning: str) -> None:
    metrics = {"plain": {"mean_recall": 30.0}, "entityclip": {"mean_recall": 34.2}}
    verdict = describe("entityclip", "plain", metrics, comparison)
    assert verdict.startswith(beginning)
    assert "One training seed" in verdict
