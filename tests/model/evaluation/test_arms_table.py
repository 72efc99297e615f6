import statistics

import pytest

from model.errors import ModelError
from model.evaluation.arms_table import COLUMNS, WAYS, arms_table


def _metrics(value: float, gallery: int = 9) -> dict[str, object]:
    ways = {way: {column: value + place for place, column in enumerate(COLUMNS)} for way in WAYS}
    return {"split": "test", "gallery": gallery, "step": int(value) - 10, "mean_recall": value, **ways}


def test_means_and_deviations_over_the_seeds() -> None:
    values = {"plain CLIP": (10.0, 12.0, 17.0), "EntityCLIP": (11.0, 11.0, 11.0)}
    measured = {arm: {seed: _metrics(value) for seed, value in enumerate(found)} for arm, found in values.items()}
    table = arms_table(measured)
    assert (table.split, table.gallery, table.seeds) == ("test", 9, (0, 1, 2))
    for arm, found in values.items():
        spread = table.cells[arm]["text_to_image"]["R@5"]
        assert spread.mean == pytest.approx(statistics.mean(found) + 1)
        assert spread.sd == pytest.approx(statistics.stdev(found))
        assert table.as_plain()["arms"][arm]["mean_recall"]["mean"] == pytest.approx(statistics.mean(found))
    lines = table.markdown().splitlines()
    assert lines[2] == "| text to image | R@1 | R@5 | R@10 | R@50 | R@100 | MedR | MeanR | mean recall |"
    assert lines[4].startswith("| plain CLIP | 13.0 ± 3.6 | 14.0 ± 3.6 |")
    assert lines[-1].endswith("because training did not improve validation: plain CLIP (1 of 3 runs)")


def test_one_seed_has_no_deviation() -> None:
    table = arms_table({"plain CLIP": {7: _metrics(10.0)}})
    assert table.mean_recall["plain CLIP"].sd is None
    assert "±" not in table.markdown()


@pytest.mark.parametrize("other", [{1: _metrics(1.0)}, {0: _metrics(1.0, gallery=8)}])
def test_arms_that_cannot_be_compared(other: dict[int, dict[str, object]]) -> None:
    with pytest.raises(ModelError, match="not comparable"):
        arms_table({"a": {0: _metrics(1.0)}, "b": other})
