import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st
from safetensors.torch import save_file

from model.clip.towers import Towers
from model.errors import ModelError
from model.run_files import INDEX
from model.search.index import EMBEDDINGS, FORMAT_VERSION, ROWS, Index, open_index
from model.search.search import embed_queries, search
from tests.model.shard_writer import picture


def _index(folder: Path, image: torch.Tensor) -> Index:
    count = len(image)
    save_file({"image": image}, folder / EMBEDDINGS)
    rows = {
        "id": [f"id{n}" for n in range(count)],
        "image_root": ["/images"] * count,
        "image_path": [None if n % 7 == 6 else f"{n}.png" for n in range(count)],
        "captions": [[f"caption {n}"] for n in range(count)],
    }
    pq.write_table(pa.table(rows), folder / ROWS)
    about = {"format_version": FORMAT_VERSION, "images": count, "width": image.shape[1], "splits": {}}
    about |= dict.fromkeys(("model", "model_from_here", "model_sha256", "explanations"), "unknown")
    (folder / INDEX).write_text(json.dumps(about))
    return open_index(folder)


@settings(max_examples=25)
@given(st.integers(1, 60), st.integers(1, 70), st.integers(1, 30), st.booleans(), st.integers(0, 1000))
def test_search_finds_what_sorting_all_scores_finds(
    tmp_path_factory: pytest.TempPathFactory, count: int, top: int, chunk: int, half: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    image = F.normalize(torch.randn(count, 8, generator=generator), dim=-1).to(torch.float16 if half else torch.float32)
    queries = F.normalize(torch.randn(3, 8, generator=generator), dim=-1)
    index = _index(tmp_path_factory.mktemp("index"), image)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.search.search._ROWS", chunk)
        found = search(index, queries, top)
    scores, order = (queries.double() @ image.double().T).sort(dim=1, descending=True)
    for hits, expected, rows in zip(found, scores.tolist(), order.tolist(), strict=True):
        assert [hit.rank for hit in hits] == list(range(1, min(top, count) + 1))
        assert [hit.id for hit in hits] == [f"id{n}" for n in rows[:top]]
        assert [hit.score for hit in hits] == pytest.approx(expected[:top], abs=1e-6)
        assert all(
            hit.image == (None if n % 7 == 6 else f"/images/{n}.png") for hit, n in zip(hits, rows, strict=False)
        )
        assert all(hit.captions == [f"caption {n}"] for hit, n in zip(hits, rows, strict=False))


def test_queries_are_encoded_as_captions_and_images_are(towers: Towers, tmp_path: Path) -> None:
    picture(3).save(tmp_path / "3.png")
    texts = ["lord of name3", " lord of name4 "]
    found, remarks = embed_queries(towers, texts, [tmp_path / "3.png"])
    assert found.shape[0] == 3 and not remarks
    with torch.no_grad():
        for text, vector in zip(texts, found, strict=False):
            expected = towers.clip.encode_text(towers.tokenizer([text.strip()]), normalize=True)[0]  # type: ignore[operator]
            torch.testing.assert_close(vector, expected)
        image = towers.clip.encode_image(towers.transform(picture(3))[None], normalize=True)[0]  # type: ignore[operator]
    torch.testing.assert_close(found[2], image)
    _, remarks = embed_queries(towers, ["lord " * 200], [])
    assert "1 queries are longer than" in remarks[0]


def test_bad_queries_are_named(towers: Towers, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"no image")
    with pytest.raises(ModelError, match=r"x\.png: the image cannot be decoded"):
        embed_queries(towers, [], [tmp_path / "x.png"])
    with pytest.raises(ModelError, match="a query is empty"):
        embed_queries(towers, ["  "], [])
    with pytest.raises(ModelError, match="query width is 9"):
        search(_index(tmp_path, torch.eye(8)), torch.zeros(1, 9), 3)
