"""Retrieval by a caption with its explanation, beside that by the caption alone: tiny real models, a tiny real LLM."""

import html
import json
import re
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from playwright.sync_api import Browser

from flows.browser.contents import Contents
from flows.browser.retrieval import LONGEST_EXPLANATION, LONGEST_READ, Retrieval, readable
from flows.query_explanations import QueryExplanation
from model.checkpoints.checkpoint import load_clip
from model.clip.towers import load_towers
from model.evaluation.compare import load_embeddings
from model.evaluation.explained import evaluate_explained
from model.exporting.export import export
from model.search.index import build_index
from model.settings.schema import TowerSettings, TrainSettings
from model.training.loop import train
from tests.flows.browser.test_in_chromium import go
from tests.model.shard_writer import write_dataset
from tests.model.tiny_clip import make_tiny_clip
from tests.support.browser import visit, wait_until
from tests.support.dataset import write_manifest
from tests.support.fake_vllm import FakeVllm
from tests.support.site import Site, served

pytestmark = pytest.mark.usefixtures("undrawn_curves")
CAPTION, EXPLANATION = "lord of name7", "name7 a red star"
ASKED = "the arms of house ba"  # the tiny LLM's answer to it is accepted, that to `Angela Merkel in Berlin` is not
XSS = "</textarea><script>alert(1)</script>"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `demo` (explanations and two runs), an index of an export, and one without a reader."""
    folder = tmp_path_factory.mktemp("explained")
    explanations, _ = write_dataset(folder / "demo", {"train": 40, "val": 12, "test": 75})
    clip = make_tiny_clip(folder / "clip")
    for name, steps in (("plain", 4), ("longer", 8)):
        settings = {
            "towers": {"model": f"local-dir:{clip}"},
            "method": {"mmae": False, "gi_itm": False},
            "data": {"explanations": explanations, "workers": 0},
            "optim": {"steps": steps, "batch_size": 8, "lr": 1e-3, "new_lr": 1e-3},
            "evaluation": {"every": 4, "batch_size": 5},
            "threads": 1,
            "device": "cpu",
        }
        train(TrainSettings.model_validate(settings), folder / "demo" / name)
        evaluate_explained(folder / "demo" / name, alpha=None if name == "plain" else 2.0)
    for name, reader in (("with", True), ("without", False)):
        exported = export(folder / "demo" / "plain", folder / f"export-{name}", with_reader=reader)
        build_index(exported, folder / f"index-{name}", splits=["test"], explanations=explanations)
    return folder


@pytest.fixture(scope="module")
def site(made: Path, tiny_llama: Path) -> Iterator[Site]:
    arms = [f"--arm={name}={made / f'index-{name}'}" for name in ("with", "without")]
    with served(made / "demo", *arms, "--explain", str(write_manifest(made, tiny_llama))) as found:
        yield found


def _get(site: Site, **query: Any) -> httpx.Response:
    return httpx.get(f"{site.address}retrieval", params=query, timeout=120)


def _arms(page: str) -> dict[str, list[str]]:
    """For each arm its columns: one, or two if the explanation was read."""
    sections = re.findall(r'<h2 id="arm-\d+">([^<]+)</h2>(.*?)</section>', page, re.S)
    return {name: body.split("<h3")[1:] or [body] for name, body in sections}


def _hits(column: str) -> list[tuple[str, str]]:
    """Ids and scores, in order."""
    return re.findall(r"<b>\d+</b>\s*<a [^>]*>([^<]+)</a>\s*<small>([\d.-]+)<", column)


def _expected(made: Path, run: str, alpha: float) -> tuple[list[list[tuple[str, str]]], torch.Tensor]:
    """The first ten pictures by the caption, and by both, by the formula; row numbers too."""
    trained, initial = load_clip(made / "demo" / run), load_towers(TowerSettings(model=f"local-dir:{made / 'clip'}"))
    saved = load_embeddings(made / "demo" / run, "test")
    clips: list[Any] = [trained.clip.eval(), initial.clip.eval()]
    with torch.no_grad():
        caption = clips[0].encode_text(trained.tokenizer([CAPTION]), normalize=True)[0]
        explanation = clips[1].encode_text(initial.tokenizer([EXPLANATION]), normalize=True)[0]
    both = torch.nn.functional.normalize(caption + alpha * explanation, dim=0)
    scores = torch.stack([saved.image @ query for query in (caption, both)])
    best = scores.topk(10)
    found = [
        [(saved.ids[row], f"{score:.3f}") for score, row in zip(*of_query, strict=True)]
        for of_query in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]
    return found, best.indices


@pytest.mark.slow
def test_both_columns_are_what_the_formula_gives(site: Site, made: Path) -> None:
    page = _get(site, q=CAPTION, explanation=EXPLANATION)
    assert page.status_code == 200 and "as typed" in page.text and EXPLANATION in page.text
    found = _arms(page.text)
    assert list(found) == ["plain", "longer", "with", "without"] or list(found) == [
        "longer",
        "plain",
        "with",
        "without",
    ]
    chosen = json.loads((made / "demo" / "plain" / "explained.json").read_text())["alpha"]["towers"]
    assert f"{chosen:g} (chosen on validation)" in page.text and "2 (as given to evaluate)" in page.text
    for arm, run, alpha in (("plain", "plain", chosen), ("longer", "longer", 2.0), ("with", "plain", chosen)):
        expected, rows = _expected(made, run, alpha)
        assert len(found[arm]) == 2
        for column, hits in zip(found[arm], expected, strict=True):
            assert [score for _, score in _hits(column)] == [score for _, score in hits]
            if arm != "with":  # an index has each picture once, under its first pair's id
                assert _hits(column) == hits
        before = {row: number for number, row in enumerate(rows[0].tolist(), start=1)}
        moves = ["new" if row not in before else f"up from {before[row]}" for row in rows[1].tolist()]
        kept = [move for number, move in enumerate(moves, start=1) if move == "new" or int(move.split()[-1]) > number]
        assert re.findall(r'class="change">([^<]+)<', found[arm][1]) == kept
        assert "change" not in found[arm][0]
    assert any("new" in found[arm][1] for arm in ("plain", "longer"))
    (alone,) = found["without"]
    assert "By the caption alone:" in alone and "was exported without the towers" in alone
    assert _hits(alone) == _hits(found["with"][0])
    without = _arms(_get(site, q=CAPTION).text)
    assert all(len(columns) == 1 for columns in without.values())
    assert _hits(without["plain"][0]) == _hits(found["plain"][0])


@pytest.mark.slow
def test_a_caption_of_a_row_with_its_explanation(site: Site) -> None:
    with httpx.Client(base_url=site.address, timeout=120, follow_redirects=True) as client:
        row = client.get("/find", params={"id": "test-010"}).url.params
        page = client.get("/retrieval", params={"shard": row["shard"], "id": row["id"]}).text
        link = html.unescape(re.search(r'href="(/retrieval\?[^"]+explained=1)"', page)[1])  # type: ignore[index]
        explained = client.get(link).text
    assert "of this row" in explained and 'class="status good">ok' in explained
    plain = _arms(explained)["plain"]
    assert len(plain) == 2 and all(re.search(r"The right image has rank \d+<", column) for column in plain)


@pytest.mark.slow
def test_an_explanation_is_bounded_escaped_and_explains_a_query(site: Site) -> None:
    long = _get(site, q=CAPTION, explanation="x" * (LONGEST_EXPLANATION + 1))
    assert long.status_code == 400 and "the explanation is longer than 2,000 characters" in long.text
    assert _get(site, q=CAPTION, explanation="x\r\n" * (LONGEST_EXPLANATION // 2)).status_code == 200
    alone = _get(site, explanation="x")
    assert alone.status_code == 400 and "an explanation needs a query" in alone.text
    hostile = _get(site, q=XSS, explanation=f"{XSS}\n\u202e\x00 \N{WHITE STAR}" + "\u65e5" * 400)
    assert (
        hostile.status_code == 200 and "<script" not in hostile.text and "\u202e" not in hostile.text.split("used")[1]
    )
    assert html.escape(XSS) in hostile.text
    for odd in ("\u2022", ".", "-\n-", "\N{ZERO WIDTH SPACE}", "a" * LONGEST_EXPLANATION, "<end> <end_of_text>"):
        assert _get(site, q=CAPTION, explanation=odd).status_code == 200, odd


def test_an_explanation_that_nobody_typed_is_bounded_too() -> None:
    kept = QueryExplanation("x" * LONGEST_READ, status="ok")
    assert readable(kept) is kept
    found = readable(QueryExplanation("x" * (LONGEST_READ + 1), status="ok"))
    assert found.text is None and "longer than 10,000 characters" in found.why_not


@pytest.mark.slow
def test_the_llm_explains_a_query_and_what_the_judge_refuses_is_said(site: Site) -> None:
    page = _get(site, q=ASKED, ask=1)
    assert "by the LLM" in page.text and 'class="status good">ok' in page.text
    answer = html.unescape(re.search(r'<textarea id="explanation"[^>]*>([^<]+)<', page.text)[1])  # type: ignore[index]
    assert f'class="explanation">{html.escape(answer)}<' in page.text and len(_arms(page.text)["plain"]) == 2
    typed = _get(site, q=ASKED, explanation=answer).text
    assert _arms(typed)["plain"] == _arms(page.text)["plain"] and "as typed" in typed
    refused = _get(site, q="Angela Merkel in Berlin", ask=1)
    assert refused.status_code == 200 and "There is none: truncated: " in refused.text
    assert len(_arms(refused.text)["plain"]) == 1 and len(_hits(_arms(refused.text)["plain"][0])) == 10
    address = f"{site.address}retrieval?q=other&ask=1"
    navigation = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    linked = httpx.get(address, headers=navigation, timeout=120)
    assert linked.status_code == 200 and "a link on another site does not ask the LLM" in linked.text


@pytest.mark.slow
def test_a_dead_llm_is_said_and_the_results_by_caption_are_shown(made: Path, tiny_llama: Path, tmp_path: Path) -> None:
    gone = shutil.copytree(tiny_llama, tmp_path / "llama")
    manifest = write_manifest(tmp_path, gone)
    with served(made / "demo" / "plain", "--explain", str(manifest)) as site:
        shutil.rmtree(gone)
        page = _get(site, q=CAPTION, ask=1)
        assert page.status_code == 200 and "There is none: the LLM cannot be asked: " in page.text
        assert len(_hits(_arms(page.text)["plain"][0])) == 10


@pytest.mark.slow
def test_the_site_answers_and_ends_while_the_llm_is_asked(made: Path, tiny_llama: Path, tmp_path: Path) -> None:
    (hold := tmp_path / "hold").touch()
    with FakeVllm(tiny_llama.name, hold=hold) as llm:
        manifest = write_manifest(tmp_path, tiny_llama, generation__engine={"kind": "vllm", "urls": [llm.url]})
        with served(made / "demo" / "plain", "--explain", str(manifest)) as site, ThreadPoolExecutor(9) as pool:
            pages = [pool.submit(_get, site, q=f"lord of name{number}", ask=1) for number in range(9)]
            full = next(as_completed(pages)).result()  # the ninth; the eight others wait
            assert "8 queries are waiting for the LLM" in full.text and len(_hits(_arms(full.text)["plain"][0])) == 10
            assert _get(site, q=CAPTION, explanation=EXPLANATION).status_code == 200
            while not llm.asked:
                time.sleep(0.05)
            site.process.send_signal(signal.SIGINT)
            assert site.process.wait() == 0  # with its pages cut off
            wait(pages)
        hold.unlink()


@pytest.mark.slow
def test_without_a_manifest_nothing_is_asked_and_without_a_reader_nothing_offered(made: Path) -> None:
    with served(made / "demo" / "plain") as site:
        page = _get(site, q=CAPTION, ask=1).text
        assert 'name="explanation"' in page and 'name="ask"' not in page and len(_arms(page)["plain"]) == 1
    shards = made / "demo" / "explanations"
    with served(shards, "--arm", f"without={made / 'index-without'}") as site:
        assert 'name="explanation"' not in _get(site, q=CAPTION, explanation=EXPLANATION).text


@pytest.mark.slow
def test_readers_are_loaded_once_and_shared(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from model.search import explained

    loaded: list[Path] = []

    def counted(folder: Path) -> explained.ReaderBehind:
        loaded.append(folder)
        return load(folder)

    load = explained.load_reader_behind
    monkeypatch.setattr(explained, "load_reader_behind", counted)
    runs = {name: made / "demo" / name for name in ("plain", "longer")}
    contents: Any = Contents("", None, runs)  # type: ignore[arg-type]
    none: Any = None
    retrieval = Retrieval(contents, none, none)
    query = torch.nn.functional.normalize(torch.ones(1, 24), dim=1)
    assert retrieval._with_explanation("plain", runs["plain"], query, None) == ([], "", None) and not loaded
    for name in ("plain", "longer", "plain", "longer"):
        together, weight, problem = retrieval._with_explanation(name, runs[name], query, EXPLANATION)
        assert problem is None and together[0].shape == (1, 24) and weight
    assert loaded == list(runs.values())
    assert retrieval._readers["plain"].towers.clip is retrieval._readers["longer"].towers.clip


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_person_compares(chromium: Browser, site: Site, width: int, scheme: str) -> None:
    with visit(chromium, f"{site.address}retrieval", width=width, scheme=scheme) as seen:  # type: ignore[arg-type]
        page = seen.page
        page.set_default_timeout(60_000)
        page.get_by_label("Query").fill(ASKED)
        go(page.get_by_role("button", name="Ask the LLM"))
        assert page.get_by_label("Explanation, if").input_value() in page.inner_text(".used .explanation")
        page.get_by_label("Query").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(f"{EXPLANATION} {XSS}")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Search"
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.inner_text(".used .explanation") == f"{EXPLANATION} {XSS}"
        arm = page.locator(".arms > section").first
        left, right = (arm.locator(".two > div").nth(n).bounding_box() for n in (0, 1))
        assert left and right and left["y"] == right["y"] and left["x"] + left["width"] <= right["x"]
        assert arm.get_by_role("list", name="Caption and explanation").locator("> li").count() == 10
        wait_until(page, "[...document.images].every(one => one.complete && one.naturalWidth > 0)")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not seen.errors and not seen.dialogs and not seen.refused
