"""The retrieval table in terminals of several widths."""

import pytest

from flows.display import retrieval

_WAY = {"R@1": 16.8, "R@5": 42.8, "R@10": 55.1, "R@50": 80.6, "R@100": 89.3, "MedR": 8.0, "MeanR": 1145.5, "MRR": 0.291}
_FOUND = {
    "split": "test",
    "gallery": 1200,
    "image_to_text": _WAY,
    "text_to_image": _WAY,
    "mean_recall": 37.6,
    "chance": {"image_to_text": _WAY},
    "intervals": None,
}


@pytest.mark.parametrize(("width", "left_out"), [(80, False), (60, True)])
def test_no_number_is_cut(
    width: int, left_out: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(retrieval.console, "width", width)
    retrieval.show_arms({"entityclip": _FOUND})
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= width
    assert "…" not in said
    assert "37.6" in said and "55.1" in said
    assert ("0.291" in said) is not left_out
    assert ("omitted" in said and "R@100" in said and "metrics.json" in said) is left_out
