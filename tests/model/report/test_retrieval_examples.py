"""Which queries are shown as gains and losses, against ranks counted by hand."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn.functional import normalize

from model.errors import ModelError
from model.report.retrieval_examples import find_examples
from model.report.sources import Sources
from model.runs import overview
from tests.model.shard_writer import picture, png, row, write_receipts, write_shard

_COUNT = 40


def _write_arms(root: Path) -> tuple[Sources, list[str], dict[str, list[list[float]]]]:
    """Runs with embeddings by chance; the scores of every caption with every image. Pairs 0 and 1 share a picture."""
    rows = [row(n, "test", caption=f"caption {n}") for n in range(_COUNT)]
    rows[1]["image"]["path"] = rows[0]["image"]["path"]
    (root / "images" / "test").mkdir(parents=True)
    for n in range(_COUNT - 1):  # the last is missing
        picture(n).save(root / "images" / "test" / f"{n}.png")
    write_shard(root / "e", "test", rows, root / "images")
    write_receipts(root / "e")
    ids, scores, arms = [found["id"] for found in rows][::-1], {}, {}
    for seed, arm in enumerate(("first", "other", "last")):
        (root / arm).mkdir()
        made = torch.Generator().manual_seed(seed)
        image, text = (normalize(torch.randn(_COUNT, 6, generator=made), dim=1) for _ in range(2))
        image[ids.index("test-001")] = image[ids.index("test-000")]
        save_file({"image": image, "text": text}, root / arm / "test_embeddings.safetensors")
        (root / arm / "test_ids.json").write_text(json.dumps(ids))
        scores[arm], arms[arm] = (text @ image.T).tolist(), overview(root / arm)
    return Sources(arms, root / "e"), ids, scores


def test_gains_losses_and_marks(tmp_path: Path) -> None:
    sources, ids, scores = _write_arms(tmp_path)
    twins = {"test-000", "test-001"}

    def is_right(query: str, found: str) -> bool:
        return query == found or {query, found} == twins

    def rank(arm: str, n: int) -> int:
        own = scores[arm][n]
        best = max(own[m] for m in range(_COUNT) if is_right(ids[n], ids[m]))
        return 1 + sum(own[m] >= best for m in range(_COUNT) if not is_right(ids[n], ids[m]))

    gain = {ids[n]: 1 / rank("last", n) - 1 / rank("first", n) for n in range(_COUNT)}
    found = find_examples(sources, "test", ["first", "other", "last"], partial=False)
    shown = {of.title: [query.triple.id for query in of.queries] for of in found.sets}
    order = sorted(gain.values())
    assert [gain[i] for i in shown["Biggest gains"]] == order[::-1][:6] and order[-6] > 0
    assert [gain[i] for i in shown["Biggest losses"]] == order[:6] and order[5] < 0
    everything = [i for some in shown.values() for i in some]
    assert len(everything) == len(set(everything)) == 18
    assert found.comparison is not None
    for query in (query for of in found.sets for query in of.queries):
        n = ids.index(query.triple.id)
        assert (query.picture.uri is None) == (query.triple.id == f"test-{_COUNT - 1:03d}")
        for arm, of_arm in query.arms.items():
            assert of_arm.rank == rank(arm, n)
            first = sorted(range(_COUNT), key=lambda m: -scores[arm][n][m])[:5]
            assert [hit.right for hit in of_arm.hits] == [is_right(query.triple.id, ids[m]) for m in first]

    alone = find_examples(sources, "test", ["last"], partial=False)
    assert [of.title for of in alone.sets] == ["At random"] and len(alone.sets[0].queries) == 12
    assert alone.comparison is None


def test_equal_packed_pictures_are_right_for_each_other_as_in_evaluation(tmp_path: Path) -> None:
    """Shards may hold pictures without a path; the same file in another image root is another picture."""
    rows = [row(n, "test", caption=f"caption {n}", image={"bytes": png(n % 2), "path": None}) for n in range(3)]
    rows += [row(n, "test", caption=f"caption {n}", image={"bytes": None, "path": "0.png"}) for n in (3, 4)]
    for number, some in enumerate((rows[:4], rows[4:])):
        root = tmp_path / f"images {number}"
        root.mkdir()
        picture(number).save(root / "0.png")
        write_shard(tmp_path / "e", "test", some, root, number, 2)
    write_receipts(tmp_path / "e", 2)
    (tmp_path / "run").mkdir()
    save_file({"image": torch.eye(5), "text": torch.eye(5)}, tmp_path / "run" / "test_embeddings.safetensors")
    (tmp_path / "run" / "test_ids.json").write_text(json.dumps([found["id"] for found in rows]))
    sources = Sources({"run": overview(tmp_path / "run")}, tmp_path / "e")
    (shown,) = find_examples(sources, "test", ["run"], partial=False).sets
    right = {query.triple.id: {hit.caption for hit in query.arms["run"].hits if hit.right} for query in shown.queries}
    alike = {"caption 0", "caption 2"}
    assert right["test-000"] == right["test-002"] == alike and right["test-001"] == {"caption 1"}
    assert right["test-003"] == {"caption 3"} and right["test-004"] == {"caption 4"}


def test_what_was_evaluated_is_not_there_any_more(tmp_path: Path) -> None:
    sources, *_ = _write_arms(tmp_path)
    write_shard(tmp_path / "e", "test", [row(n, "test", caption=f"caption {n}") for n in range(30)], tmp_path)
    write_receipts(tmp_path / "e")
    with pytest.raises(ModelError, match="lacks 10 of the 40 evaluated pairs"):
        find_examples(sources, "test", ["first", "last"], partial=False)
    with pytest.raises(ModelError, match="without a folder of explanations"):
        find_examples(Sources(sources.arms, None), "test", ["last"], partial=False)
