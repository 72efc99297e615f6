import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed
import torch.multiprocessing
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from model.clip.towers import load_towers
from model.data.dataset import TripleDataset
from model.data.shards import read_split
from model.distributed.collectives import DistributedGroup
from model.distributed.local import LocalGroup
from model.evaluation.embed import SplitEmbeddings, embed_split
from model.settings.schema import TowerSettings
from tests.model.shard_writer import picture, row, write_receipts, write_shard

_BATCH = 4
_BROKEN = (0, 9, 10, 11, 12, 13)  # the fourth batch's images cannot be used at all, so one process skips it


def _embed(folder: Path, clip: Path, processes: LocalGroup | None = None) -> SplitEmbeddings:
    torch.set_num_threads(1)
    towers = load_towers(TowerSettings(model=f"local-dir:{clip}"))
    triples = TripleDataset(read_split(folder / "explanations", "test", statuses=None), towers, explanations=False)
    return embed_split(towers.clip, triples, _BATCH, torch.device("cpu"), processes)


def _one_of_several(rank: int, world: int, folder: Path, clip: Path) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting-{world}", rank=rank, world_size=world
    )
    found = _embed(folder, clip, DistributedGroup(torch.device("cpu")))
    about = {"ids": " ".join(found.ids), "failures": " ".join(sorted(found.failures))}
    tensors = {"image": found.image, "text": found.text, **{f"group {n}": g for n, g in found.groups.items()}}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / f"{world}-{rank}", about)
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tmp_path_factory.mktemp("embedding")
    (root / "images" / "test").mkdir(parents=True)
    for number in range(18):
        path = root / "images" / "test" / f"{number}.png"
        picture(number).save(path)
        if number in _BROKEN:
            path.write_bytes(b"no image")
    rows = [row(n, "test", status="bad_image" if n in _BROKEN else "ok") for n in range(18)]
    write_shard(root / "explanations", "test", rows, root / "images")
    write_receipts(root / "explanations")
    return root


@pytest.mark.slow
def test_several_processes_give_what_one_gives_to_the_bit(split: Path, clip_folder: Path) -> None:
    alone = _embed(split, clip_folder)
    assert len(alone.ids) == 12 and len(alone.failures) == len(_BROKEN)
    world = 2
    # clean processes: a fork of one with threads and groups of other tests may hang or die
    multiprocessing.set_forkserver_preload([__name__])  # imported once for both
    start: Any = torch.multiprocessing.start_processes
    start(_one_of_several, args=(world, split, clip_folder), nprocs=world, start_method="forkserver")
    for rank in range(world):
        found = load_file(split / f"{world}-{rank}")
        assert torch.equal(found["image"], alone.image) and torch.equal(found["text"], alone.text)
        assert all(torch.equal(found[f"group {name}"], group) for name, group in alone.groups.items())  # type: ignore[arg-type]
        about = safe_open(split / f"{world}-{rank}", "pt").metadata()
        assert about["ids"].split() == alone.ids and about["failures"].split() == sorted(alone.failures)
