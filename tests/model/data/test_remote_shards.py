"""Shards behind a URL: copied once, again when they change, and trained from as if they lay here."""

from pathlib import Path

import pytest
import yaml
from pyarrow import fs

from model.data.remote_shards import CACHE, local_copy
from model.data.shards import read_split
from model.errors import ModelError
from model.evaluation.evaluate import evaluate
from model.settings.load import load_settings
from model.training.loop import train
from model.training.run_dir import is_finished
from tests.support.s3 import s3_server, s3_url

pytestmark = pytest.mark.usefixtures("undrawn_curves")


@pytest.fixture
def bucket(dataset, tmp_path, monkeypatch):
    """URL of a copy of the dataset's shards in a real S3 API, and its file system; the cache is empty."""
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    with s3_server(monkeypatch) as port:
        remote = fs.S3FileSystem(endpoint_override=f"http://127.0.0.1:{port}", region="us-east-1")
        fs.copy_files(str(dataset[0]), "shards/news", destination_filesystem=remote)
        yield s3_url(port, "news"), remote


def files(folder: Path) -> dict[str, int]:
    return {
        str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*") if p.suffix in (".parquet", ".json")
    }


def test_training_from_a_url_is_training_from_its_shards(bucket, dataset, settings, tmp_path):
    url, _ = bucket
    plain = settings.model_dump(mode="json")
    plain["data"]["explanations"] = url
    config = tmp_path / "train.yaml"
    config.write_text(yaml.safe_dump(plain))
    given = load_settings(config, ["data.workers=0"])
    assert given.data.explanations == url and not (tmp_path / "cache").exists()  # settings are read without a network
    assert load_settings(config, ["data.workers=0", f"data.explanations={url}"]) == given
    for split in ("train", "val", "test"):
        ours, theirs = (read_split(where, split, statuses=None) for where in (url, dataset[0]))
        assert ours.source.digests == theirs.source.digests
        assert [t.caption for t in ours.triples] == [t.caption for t in theirs.triples]
    result = train(given, tmp_path / "run")
    here = train(settings, tmp_path / "here")
    assert result.best_mean_recall == here.best_mean_recall
    assert yaml.safe_load((tmp_path / "run" / "settings.yaml").read_text())["data"]["explanations"] == url
    assert is_finished(tmp_path / "run", given) and evaluate(tmp_path / "run").keys() == {"test"}


def test_what_has_changed_is_copied_again_and_what_is_gone_goes(bucket, dataset):
    url, remote = bucket
    folder = local_copy(url)
    before = files(folder)
    names = [name for name in before if name.endswith(".parquet")]
    assert (
        len(names) == len(list(dataset[0].glob("split=*/part-*.parquet")))
        and (folder / names[0]).read_bytes() == (dataset[0] / names[0]).read_bytes()
    )
    assert local_copy(url) == folder
    after = files(folder)
    assert {n: t for n, t in after.items() if n != "copied.json"} == {
        n: t for n, t in before.items() if n != "copied.json"
    }

    with remote.open_output_stream(f"shards/news/{names[0]}") as stream:
        stream.write(b"another make")
    remote.delete_file(f"shards/news/{names[1]}")
    (folder / names[2]).unlink()
    local_copy(url)
    assert (folder / names[0]).read_bytes() == b"another make" and not (folder / names[1]).exists()
    assert (folder / names[2]).is_file() and list(folder.parent.iterdir()) == [folder]


def test_places_that_cannot_be_read_are_named(bucket):
    url, _ = bucket
    for elsewhere in ("s3://shards/nothing", "s3://no-such-bucket/news"):
        with pytest.raises(ModelError, match=rf"^{elsewhere}\S* has no explanation shards"):
            local_copy(url.replace("s3://shards/news", elsewhere))
    with pytest.raises(ModelError, match=r"^data\.explanations: nowhere://x/y cannot be opened: .*Unrecognized file"):
        local_copy("nowhere://x/y")
    with pytest.raises(ModelError, match="contains credentials") as error:
        local_copy("s3://key:secret@bucket/x")
    assert "secret" not in str(error.value)


def test_settings_refuse_credentials_in_a_url_and_do_not_repeat_them(settings, tmp_path):
    config = tmp_path / "train.yaml"
    config.write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    with pytest.raises(ModelError, match="contains credentials") as error:
        load_settings(config, ["data.explanations=s3://key:secret@bucket/x"])
    assert "secret" not in str(error.value)
