"""One account of what a run is: from settings of every arm, of older versions, and of none."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from model.report.sources import find_sources
from model.report.verdict import baseline_note, unimproved_note
from model.runs import in_order, overview

_OFF = {"mmae": False, "gi_itm": False}
_METHODS: dict[str, tuple[dict[str, Any], str]] = {
    "plain": (_OFF, "plain CLIP"),
    "weightless": ({"aux_weight": 0.0, "itm_weight": 0.0}, "plain CLIP"),
    "mmae": ({"gi_itm": False}, "MMAE only"),
    "gi_itm": ({"aux_weight": 0.0}, "GI-ITM only"),
    "older": ({"image_experts": 2}, "EntityCLIP"),  # written before there were bridge and anchors
    "paper": ({"mmae": True, "gi_itm": True, "bridge_weight": 0.0, "anchor_text_weight": 0.0}, "EntityCLIP"),
    "with bridge": ({"bridge_weight": 0.5}, "EntityCLIP with bridge"),
    "bridge": ({**_OFF, "bridge_weight": 1.0}, "CLIP with bridge"),
    "anchors": ({**_OFF, "anchor_text_weight": 1.0}, "CLIP with anchors"),
    "image anchors": ({**_OFF, "anchor_image_weight": 1.0}, "CLIP with anchors"),
    "many": ({"mmae": False, "bridge_weight": 1, "anchor_text_weight": 1}, "CLIP with GI-ITM and bridge and anchors"),
    "later": ({**_OFF, "new_part_weight": 1.0}, "of an unknown method"),
    "damaged": ({"mmae": "perhaps"}, "of an unknown method"),
}


def _run(folder: Path, method: dict[str, Any], **data: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "train.json").write_text("{}", encoding="utf-8")
    (folder / "settings.yaml").write_text(yaml.safe_dump({"method": method, "data": data}), encoding="utf-8")
    return folder


@pytest.mark.parametrize(("method", "kind"), _METHODS.values(), ids=_METHODS)
def test_every_arm_has_its_name(method: dict[str, Any], kind: str, tmp_path: Path) -> None:
    run = overview(_run(tmp_path / "run", method))
    assert run.kind == kind and run.as_plain()["method"] == kind
    assert run.is_plain_clip == (kind == "plain CLIP")
    control = overview(_run(tmp_path / "control", method, wrong_explanations=True))
    assert control.kind == f"{kind}, others' explanations"


def test_what_settings_do_not_say_the_checkpoint_does(tmp_path: Path) -> None:
    card = tmp_path / "checkpoint" / "checkpoint.json"
    card.parent.mkdir()
    card.write_text(json.dumps({"method": {**_OFF, "anchor_text_weight": 1.0}}), encoding="utf-8")
    assert overview(tmp_path).kind == "CLIP with anchors, imported"  # no settings: it was not trained here
    (tmp_path / "settings.yaml").write_text("method: [", encoding="utf-8")
    assert overview(tmp_path).kind.startswith("CLIP with anchors")
    card.write_text("{}", encoding="utf-8")
    assert overview(tmp_path).method is None and not overview(tmp_path).is_plain_clip


def test_plain_clip_is_the_baseline_and_ours_in_question(tmp_path: Path) -> None:
    for name in ("anchors", "paper", "plain"):
        _run(tmp_path / name, _METHODS[name][0])
    _run(tmp_path / "wrong", _METHODS["anchors"][0], wrong_explanations=True)
    assert list(find_sources([tmp_path]).arms) == ["plain", "wrong", "paper", "anchors"]
    named = [tmp_path / name for name in ("anchors", "plain", "paper")]  # by hand: the last is in question
    arms = find_sources(named).arms
    assert list(arms) == ["plain", "anchors", "paper"]
    assert baseline_note(arms) == ""
    assert [run.location.name for run in in_order(arms.values())] == ["plain", "paper", "anchors"]


def test_no_run_of_plain_clip_or_several_are_said(tmp_path: Path) -> None:
    for name in ("anchors", "paper"):
        _run(tmp_path / name, _METHODS[name][0])
    arms = find_sources([tmp_path]).arms
    assert list(arms) == ["paper", "anchors"]
    assert "No plain CLIP run was measured, so paper (EntityCLIP) is the baseline." in baseline_note(arms)
    for name in ("plain", "weightless"):
        _run(tmp_path / name, _METHODS[name][0])
    arms = find_sources([tmp_path]).arms
    assert list(arms) == ["plain", "weightless", "paper", "anchors"]
    assert baseline_note(arms) == " 2 runs are plain CLIP (plain, weightless); plain is the baseline."


def test_a_run_that_training_did_not_improve_is_named(tmp_path: Path) -> None:
    for name, step in (("anchors", 0), ("paper", 3)):
        run = _run(tmp_path / name, _METHODS[name][0])
        (run / "train.json").write_text(json.dumps({"best_step": step, "best_mean_recall": 10.0}), encoding="utf-8")
    arms = find_sources([tmp_path]).arms
    assert unimproved_note(arms).startswith(" For anchors, training improved nothing: validation recall was highest")
    assert unimproved_note({"paper": arms["paper"]}) == ""
