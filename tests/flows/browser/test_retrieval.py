"""Both arms on the page: tiny real models, trained, evaluated and indexed here."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import torch
from playwright.sync_api import Browser

from model.evaluation.compare import load_embeddings
from model.evaluation.evaluate import evaluate
from model.run_files import read_checkpoint_card
from model.search.index import build_index
from model.settings.schema import TrainSettings
from model.training.loop import train
from tests.flows.browser.test_in_chromium import go
from tests.model.shard_writer import write_dataset
from tests.model.tiny_clip import make_tiny_clip
from tests.support.browser import visit, wait_until
from tests.support.site import Site, served

pytestmark = pytest.mark.usefixtures("undrawn_curves")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the demo makes it: explanations, both arms, and an arm that was not evaluated."""
    folder = tmp_path_factory.mktemp("runs")
    explanations, _ = write_dataset(folder, {"train": 40, "val": 12, "test": 75})
    made_by: list[str] = []
    for name, method in (("a-entityclip", True), ("plain", False)):
        clip = make_tiny_clip(folder / f"clip-of-{name}", seed=int(method))
        settings = {
            "towers": {"model": f"local-dir:{clip}"},
            "method": {"image_experts": 2, "shared_experts": 1, "text_experts": 1, "mmae": method, "gi_itm": method},
            "data": {"explanations": explanations, "workers": 0},
            "optim": {"steps": 4, "batch_size": 8, "lr": 1e-3, "new_lr": 1e-3},
            "evaluation": {"every": 4, "batch_size": 5},
            "threads": 1,
            "device": "cpu",
        }
        train(TrainSettings.model_validate(settings), folder / name)
        evaluate(folder / name)
        made_by.append(read_checkpoint_card(folder / name)["sha256"]["towers.safetensors"])
    assert made_by[0] != made_by[1]
    shutil.copytree(folder / "plain", folder / "z-unevaluated")
    (folder / "z-unevaluated" / "test_embeddings.safetensors").unlink()
    shutil.copytree(folder / "plain", folder / "z-other")
    shutil.copy(folder / "a-entityclip" / "test_embeddings.safetensors", folder / "z-other")
    build_index(folder / "plain", folder.parent / "index-of-test", splits=["test"])
    return folder


@pytest.fixture(scope="module")
def site(runs: Path) -> Iterator[Site]:
    with served(runs, "--arm", f"an index={runs.parent / 'index-of-test'}") as found:
        yield found


def _sections(page: str) -> dict[str, str]:
    return dict(re.findall(r'<h2 id="arm-\d+">([^<]+)</h2>(.*?)</section>', page, re.S))


def test_ranks_are_those_of_evaluation(site: Site, runs: Path) -> None:
    saved = {name: load_embeddings(runs / name, "test") for name in ("plain", "a-entityclip")}
    with httpx.Client(base_url=site.address, timeout=120, follow_redirects=True) as client:
        for row_id in (
            "test-000",
            "test-010",
            "test-033",
            "test-070",
        ):  # captions of 000 and 010 are those of 060 and 070
            row = client.get("/find", params={"id": row_id}).url.params
            page = client.get("/retrieval", params={"shard": row["shard"], "id": row_id})
            found = _sections(page.text)
            assert list(found) == ["plain", "z-other", "z-unevaluated", "a-entityclip", "an index"]  # plain CLIP first
            for name, kept in saved.items():
                place = kept.ids.index(row_id)
                same = torch.tensor([int(one[5:]) % 60 == int(row_id[5:]) % 60 for one in kept.ids])
                scores = kept.image @ kept.text[place]
                rank = 1 + int((scores[~same] >= scores[same].max()).sum())
                assert f"The right image has rank {rank}<" in found[name], (name, row_id)
                assert "75 candidates" in found[name]
                first = kept.ids[int(scores.argmax())]
                assert re.search(r"<b>1</b>\s*<a [^>]*>([^<]+)<", found[name])[1] == first  # type: ignore[index]
                assert found[name].count('class="right"') == int(same[scores.topk(10).indices].sum())
            assert found["an index"].count("<li") == 10
            assert f"rank {_rank(found['plain'])}<" in found["an index"]


def _rank(section: str) -> str:
    return re.search(r"rank (\d+)<", section)[1]  # type: ignore[index]


def test_an_arm_without_embeddings_of_its_weights_says_so(site: Site) -> None:
    found = _sections(httpx.get(f"{site.address}retrieval?q=lord of name7", timeout=120).text)
    assert "entityclip evaluate" in found["z-unevaluated"] and "no embeddings of split" in found["z-unevaluated"]
    assert "not created with the current weights" in found["z-other"] and "<li" not in found["z-other"]
    assert found["plain"].count("<li") == 10 and "✓" not in found["plain"]
    elsewhere = _sections(httpx.get(f"{site.address}retrieval?q=lord&split=val", timeout=120).text)
    assert all("split &#39;val&#39;" in section for section in elsewhere.values())
    assert httpx.get(f"{site.address}retrieval", params={"q": "x" * 2_000}, timeout=120).status_code == 400
    assert httpx.get(f"{site.address}retrieval?shard=../x&id=y", timeout=120).status_code == 404


def test_without_models_the_page_says_how_to_get_them(site: Site, runs: Path) -> None:
    with served(runs / "explanations" / "split=test") as other:
        page = httpx.get(f"{other.address}retrieval", timeout=120)
        assert page.status_code == 200 and "--arm plain=RUN" in page.text


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_person_searches(chromium: Browser, site: Site, width: int, scheme: str) -> None:
    with visit(chromium, f"{site.address}retrieval", width=width, scheme=scheme) as seen:  # type: ignore[arg-type]
        page = seen.page
        page.set_default_timeout(30_000)
        page.get_by_label("Query").fill("lord of name7 <script>alert(1)</script>")
        go(page.get_by_role("button", name="Search"))
        arms = page.locator(".arms > section")
        assert arms.count() == 5 and arms.nth(0).locator("li").count() == 10
        left, right = (arms.nth(n).bounding_box() for n in (0, 1))
        assert left and right and left["y"] == right["y"] and left["x"] + left["width"] <= right["x"]  # side by side
        wait_until(page, "[...document.images].every(one => one.complete && one.naturalWidth > 0)")
        go(arms.nth(0).get_by_role("link").first)
        go(page.get_by_role("link", name="Search with this caption"))
        assert "The right image has rank" in page.locator(".arms > section").nth(0).inner_text()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not seen.errors and not seen.dialogs and not seen.refused
