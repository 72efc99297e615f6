"""Who loads a batch, and whether it is kept, changes nothing about it."""

import signal
import subprocess
import sys
from itertools import islice

import psutil
import pytest
import torch

from model.data.dataset import TripleDataset
from model.data.shards import read_split
from model.data.workers import ReadAhead, loaded_by_workers
from model.errors import ModelError
from tests.model.doubler import Doubler


def test_workers_keep_the_order_and_pass_errors_on():
    assert list(loaded_by_workers(Doubler(), iter(range(50)), workers=2, ahead=9)) == list(range(0, 100, 2))
    state = torch.get_rng_state()
    endless = loaded_by_workers(Doubler(), iter(range(10**9)), workers=2, ahead=4)
    assert list(islice(endless, 3)) == [0, 2, 4]
    endless.close()  # type: ignore[attr-defined]
    assert torch.equal(torch.get_rng_state(), state)  # else a resumed run would draw other numbers
    with pytest.raises(ModelError, match="no such number"):
        list(loaded_by_workers(Doubler(), iter([1, -1]), workers=2, ahead=2))
    with pytest.raises(ModelError, match=r"a worker that loads data died.*data\.workers lower"):
        list(loaded_by_workers(Doubler(), iter([1, -2, 3]), workers=1, ahead=2))


@pytest.mark.parametrize(
    "lines",
    [
        "assert next(loaded) == 0; raise SystemExit(7)",
        """
try:
    list(loaded)
except ModelError as error:
    held = error
raise SystemExit(7)
""",
    ],
    ids=["in the middle", "after an error of a worker's"],
)
def test_a_program_ends_though_something_holds_its_workers(lines):
    program = f"""
import gc, itertools
from model.errors import ModelError
from model.data.workers import loaded_by_workers
from tests.model.doubler import Doubler, begin_small_server
gc.disable()
begin_small_server()
loaded = loaded_by_workers(Doubler(), itertools.chain([0, 1, -1], range(10**9)), workers=2, ahead=4)
{lines}
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 7


def test_workers_end_with_a_program_that_is_killed():
    program = """
import os
import psutil
from model.data.workers import loaded_by_workers
from tests.model.doubler import Doubler, begin_small_server
begin_small_server()
held = loaded_by_workers(Doubler(), iter(range(10**9)), workers=2, ahead=4)
assert next(held) == 0
print(*(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
os.kill(os.getpid(), 9)
"""
    ended = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False)
    left = [psutil.Process(int(pid)) for pid in ended.stdout.split() if psutil.pid_exists(int(pid))]
    assert ended.returncode == -signal.SIGKILL and len(ended.stdout.split()) >= 3  # the server and two workers
    assert not psutil.wait_procs(left, timeout=120)[1]


def test_batches_are_the_same_whoever_loads_them(dataset, towers):
    explanations, images = dataset
    hidden = images / "train" / "11.png"
    hidden.rename(hidden.with_suffix(".hidden"))
    try:
        found = []
        for workers, cache_mib in ((0, 0), (2, 0), (0, 1)):
            rows = read_split(explanations, "train", statuses=("ok",))
            triples = TripleDataset(rows, towers, explanations=True, cache_mib=cache_mib, workers=workers, trim=True)
            order = triples.order(7, seed=1)
            found.append((list(triples.batches(islice(order.starting_at(2), 9))), triples))
    finally:
        hidden.with_suffix(".hidden").rename(hidden)
    first, one = found[0]
    assert [rows for _, rows in first] == [
        [row for row in order.rows(number) if one.ids[row] != "train-011"] for number in range(2, 11)
    ]
    for batches, triples in found:
        assert dict(triples.failures) == {"train-011": "train/11.png: no such image"}
        for (batch, rows), (other, other_rows) in zip(first, batches, strict=True):
            assert rows == other_rows and batch.ids == other.ids
            for name in ("images", "captions", "explanations", "image_group", "caption_group", "key_group"):
                assert torch.equal(getattr(batch, name), getattr(other, name)), name


def test_read_ahead_is_no_further_than_it_may_and_ends():
    drawn = []

    def numbers():
        for number in range(100):
            drawn.append(number)
            yield number

    some = iter(ReadAhead(numbers(), depth=3))
    assert [next(some), next(some)] == [0, 1]
    some.close()  # type: ignore[attr-defined]
    assert len(drawn) <= 2 + 3 + 2  # read, in the queue, and in the thread's hands as it was stopped
    assert list(ReadAhead(numbers(), depth=2)) == list(range(100))

    def broken():
        yield 1
        raise ModelError("gone")

    with pytest.raises(ModelError, match="gone"):
        list(ReadAhead(broken(), depth=2))
