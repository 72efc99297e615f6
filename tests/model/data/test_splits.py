import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from model.data.shards import SplitRows, read_split
from model.data.splits import with_wrong_explanations
from model.errors import ModelError
from model.settings.schema import TrainSettings
from model.training.loop import train
from tests.model.shard_writer import row, write_receipts, write_shard

pytestmark = pytest.mark.usefixtures("undrawn_curves")


def rows_with(texts: list[str]) -> SplitRows:
    rows = [
        row(i, "train", caption=f"caption {i}", explanation=text, key=f"key of {i if i % 2 else text}")
        for i, text in enumerate(texts)
    ]
    with TemporaryDirectory() as folder:
        write_shard(Path(folder), "train", rows, Path())
        write_receipts(Path(folder))
        return read_split(Path(folder), "train", statuses=("ok",))


@given(
    st.lists(st.sampled_from("abcdefg"), min_size=2, max_size=30).filter(lambda t: len(set(t)) > 1), st.integers(0, 99)
)
def test_every_row_gets_another_text_and_its_key(texts, seed):
    rows = rows_with(texts)
    wrong = with_wrong_explanations(rows, seed)
    keys = {(t.explanation, t.key) for t in rows.triples}
    given_to: dict[str | None, set[str | None]] = {}
    for old, new in zip(rows.triples, wrong.triples, strict=True):
        assert new.explanation != old.explanation and new.key != old.key and (new.explanation, new.key) in keys
        assert (new.id, new.image_path, new.caption) == (old.id, old.image_path, old.caption)
        given_to.setdefault(old.explanation, set()).add(new.explanation)
    assert all(len(new) == 1 for new in given_to.values())
    assert Counter(Counter(texts).values()) == Counter(Counter(t.explanation for t in wrong.triples).values())
    assert [*with_wrong_explanations(rows, seed).triples] == [*wrong.triples]


def test_seeds_differ_and_one_text_is_too_few():
    rows = rows_with(list("abcdefghij"))
    found = {tuple(t.explanation for t in with_wrong_explanations(rows, seed).triples) for seed in range(5)}
    assert len(found) == 5
    with pytest.raises(ModelError, match="only one explanation"):
        with_wrong_explanations(rows_with(["a", "a "]), 0)


def test_a_run_says_that_its_explanations_are_wrong(settings, tmp_path):
    plain = settings.as_plain()
    losses = {}
    for wrong in (False, True):
        run = tmp_path / str(wrong)
        plain["data"]["wrong_explanations"] = wrong
        train(TrainSettings.model_validate(plain), run)
        assert json.loads((run / "train.json").read_text())["wrong_explanations"] is wrong
        losses[wrong] = json.loads((run / "metrics.jsonl").read_text().splitlines()[1])["losses"]
    assert losses[True]["vtc"] == losses[False]["vtc"] and losses[True]["mmae"] != losses[False]["mmae"]
    plain["method"] |= {"mmae": False, "gi_itm": False}
    with pytest.raises(ValidationError, match="these method settings use no explanations"):
        TrainSettings.model_validate(plain)
