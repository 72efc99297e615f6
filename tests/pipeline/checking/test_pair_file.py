import random
from pathlib import Path

from pipeline.checking.pair_file import PairFile
from pipeline.pair import Pair


def test_rows_come_back_in_order_and_by_number(tmp_path: Path) -> None:
    pairs = [Pair(f"i{n}", "train", f"{n}.png", "é" * (n % 7), None if n % 3 else f"t{n}") for n in range(9000)]
    with PairFile(tmp_path / "rows.arrow") as store:
        for pair in pairs:
            store.append(pair)
    assert len(store) == 9000
    assert list(store.pairs()) == pairs
    some = random.Random(0).sample(range(9000), 50)
    assert [store.pair(row) for row in some] == [pairs[row] for row in some]


def test_an_empty_store(tmp_path: Path) -> None:
    with PairFile(tmp_path / "rows.arrow") as store:
        pass
    assert not len(store)
    assert not list(store.pairs())
