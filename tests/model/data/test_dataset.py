import pytest
import torch

from model.data.dataset import TripleDataset
from model.data.loader import cache_samples, load_batches
from model.data.shards import read_split
from model.errors import ModelError
from model.method.entityclip import EntityCLIP
from model.rng import seeded
from model.settings.schema import MethodSettings
from tests.model.shard_writer import picture, png, row, write_receipts, write_shard
from tests.model.tiny_clip import CONTEXT_LENGTH


@pytest.fixture
def folder(tmp_path):
    """Six rows: 0 and 1 share an image, 2 and 3 a caption, 4 is packed, 5 has no image."""
    rows = [row(number, "train") for number in range(6)]
    rows[1]["image"]["path"] = rows[0]["image"]["path"]
    rows[3]["caption"], rows[3]["key"] = rows[2]["caption"], "another key"
    rows[4]["image"] = {"bytes": png(4), "path": None}
    rows[5]["explanation"] = "red " * 30
    write_shard(tmp_path, "train", rows, tmp_path / "images")
    write_receipts(tmp_path)
    (tmp_path / "images" / "train").mkdir(parents=True)
    for number in (0, 2, 3):
        picture(number).save(tmp_path / "images" / "train" / f"{number}.png")
    return tmp_path


def load(folder, towers, cache_mib, explanations=True):
    rows = read_split(folder, "train", statuses=("ok",))
    triples = TripleDataset(rows, towers, explanations=explanations)
    cache_samples(triples, cache_mib)
    return triples


def one_batch(triples, rows):
    return next(load_batches(triples, [rows]))


def test_cached_or_not_the_batch_is_the_same(folder, towers):
    cached, lazy = load(folder, towers, 1), load(folder, towers, 0)
    assert len(cached) == len(lazy) == 6
    one, rows = one_batch(cached, [4, 0, 5, 2])
    two, _ = one_batch(lazy, [4, 5, 0, 2])
    assert rows == [4, 0, 2] and one.ids == two.ids == ["train-004", "train-000", "train-002"]
    for name in ("images", "captions", "explanations"):
        assert torch.equal(getattr(one, name), getattr(two, name)), name
    assert torch.equal(one.images[0], towers.transform(picture(4)))
    assert torch.equal(one.captions[1], towers.tokenizer(["lord of name0"])[0])
    assert cached.failures == lazy.failures == {"train-005": "train/5.png: no such image"}
    assert "1 images could not be used" in cached.summary()


def test_a_row_by_its_number(folder, towers):
    triples = load(folder, towers, 0)
    one, bad = triples[4], triples[5]
    assert one.rows == [4] and one.pixels.shape == (1, 3, *triples.image_size) and not one.failures
    assert not bad.rows and [failure.row for failure in bad.failures] == [5]


@pytest.mark.parametrize("mask_padding", [True, False])
def test_trimming_changes_no_loss_where_padding_is_masked(folder, towers, mask_padding):
    method = MethodSettings(image_experts=1, shared_experts=2, text_experts=1, mask_padding=mask_padding)
    torch.manual_seed(0)
    model, losses = EntityCLIP(towers.clip, method), []
    for trim in (False, True):
        rows = read_split(folder, "train", statuses=("ok",))
        batch, _ = one_batch(TripleDataset(rows, towers, explanations=True, trim=trim), [0, 2, 3])
        assert batch.captions.shape[1] == (5 if trim else CONTEXT_LENGTH)
        losses.append(model(batch, generator=seeded(0, "test")).losses)
    same = [torch.allclose(losses[0][name], losses[1][name], rtol=1e-5) for name in ("vtc", "mmae", "itm")]
    assert same == ([True, True, True] if mask_padding else [True, False, False])


def test_groups_and_truncation(folder, towers):
    triples = load(folder, towers, 0)
    image, caption, key = triples.image_group, triples.caption_group, triples.key_group
    assert image[0] == image[1] and len(image.unique()) == 5
    assert caption[2] == caption[3] and len(caption.unique()) == 5
    assert len(key.unique()) == 6
    assert triples.truncation.captions == 0 and triples.truncation.explanations == 1 / 6
    plain = load(folder, towers, 0, explanations=False)
    assert one_batch(plain, [0])[0].explanations is None and plain.truncation.explanations is None


@pytest.mark.parametrize("cache_mib", [0, 1])
@pytest.mark.parametrize("workers", [0, 2])
def test_too_many_bad_images_are_an_error(folder, towers, cache_mib, workers):
    for number in (2, 3):
        (folder / "images" / "train" / f"{number}.png").unlink()

    def read(limit):
        rows = read_split(folder, "train", statuses=("ok",))
        triples = TripleDataset(rows, towers, explanations=True, workers=workers, max_bad_images=limit)
        cache_samples(triples, cache_mib)
        return triples, [*load_batches(triples, [[0, 5], [1, 2], [4, 3]])]

    with pytest.raises(ModelError, match=r"2 of 6 images cannot be used.*=0\.1 .*'train-00[23]'.*image_root"):
        read(0.1)
    triples, batches = read(0.5)
    assert [rows for _, rows in batches] == [[0], [1], [4]]
    assert set(triples.failures) == {"train-002", "train-003", "train-005"}
    assert [batch.ids for batch, _ in batches] == [["train-000"], ["train-001"], ["train-004"]]


def test_a_missing_root_is_noticed_first(folder, towers):
    rows = read_split(folder, "train", statuses=("ok",), image_root=folder / "elsewhere")
    with pytest.raises(ModelError, match=r"no image root at .*elsewhere; set data\.image_root"):
        TripleDataset(rows, towers, explanations=True)


def test_too_few_rows_are_said_with_those_that_a_status_left_out(tmp_path, towers):
    rows = [row(n, "train", status="ok" if n < 3 else "entity_missing" if n < 8 else "truncated") for n in range(10)]
    write_shard(tmp_path, "train", rows, tmp_path / "images")
    write_receipts(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(ModelError) as error:
        load(tmp_path, towers, 0).training_sampler(8, 0)
    assert str(error.value) == (
        "the training split has 3 usable rows, fewer than optim.batch_size=8; 7 were left out by data.statuses "
        "(5 entity_missing, 2 truncated); use data.statuses=[ok, truncated, entity_missing], add rows, or reduce "
        "optim.batch_size"
    )
