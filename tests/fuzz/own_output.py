"""Cases of damaged files of an output: spools, receipts, shards and plans, with every reader of them."""

import contextlib
import json
import random
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.generation.generate import generate
from pipeline.inspect.inspection import Wanted, inspect_explanations
from pipeline.inspect.summary import summarise
from pipeline.job import Job, open_job
from pipeline.packing.pack import PackSettings, pack
from pipeline.verifying.repair import repair
from pipeline.verifying.verify import verify
from tests.fuzz.damage import Original, damage
from tests.fuzz.false_receipts import false_receipt
from tests.fuzz.limits import Case
from tests.support.dataset import write_manifest, write_pairs
from tests.support.generation import all_rows
from tests.support.scripted_engine import ScriptedEngine

PAIRS = 12
_FIELDS = ("key", "text", "finish_reason", "prompt_tokens", "completion_tokens", "error")
_OWN = ("_spool/*", "_receipts/*", "split=*/*", "_plan/*/*", "_writers/*")


class Output:
    """Two states of an output: finished, and stopped after some answers, which are in the spool."""

    def __init__(self, root: Path, model: Path) -> None:
        write_pairs(root, PAIRS)
        self.job = open_job(write_manifest(root, model))
        self.folder = Path(self.job.output)
        with contextlib.suppress(PipelineError):
            _generate(self.job, ScriptedEngine(lost_after=9))
        self.stopped = Original(self.folder)
        _generate(self.job, ScriptedEngine())
        self.finished = Original(self.folder)
        rows = all_rows(self.job.output)
        self.rows = rows
        self.keys = {row.key for row in rows.values()}
        self.shard_keys = {
            path: {row.key for row in rows.values() if row.split in path.parent.name and _bucket(row.key) in path.name}
            for path in self.finished.files
            if path.suffix == ".parquet" and path.parent.name.startswith("split=")
        }
        self._packed = root / "packed"
        pack(self.folder, self._packed, PackSettings(workers=1))
        self.packed = Original(self._packed)

    def kinds(self) -> dict[str, Case]:
        """Return a case for each reader, by name."""
        return {
            "generate, stopped": lambda rng: self._generated(rng, self.stopped),
            "generate, finished": lambda rng: self._generated(rng, self.finished),
            "verify": self._verified,
            "inspect": self._inspected,
            "pack": self._packed_again,
            "generate, false receipt": self._told_falsely,
        }

    def _spoil(self, original: Original, rng: random.Random) -> set[Path]:
        original.put_back()
        folder = original.folder
        own = [path for pattern in _OWN for path in sorted(folder.glob(pattern)) if path.is_file()]
        chosen = {rng.choice(own) for _ in range(rng.choice((1, 1, 1, 2)))}
        for path in sorted(chosen):
            damage(path, rng)
        return chosen

    def _generated(self, rng: random.Random, original: Original) -> str:
        """A run after the damage has every row; nothing that could be read is asked for again, and nothing twice."""
        chosen = self._spoil(original, rng)
        kept = set().union(*(self.shard_keys[path] for path in self.shard_keys if path.exists() and path not in chosen))
        spooled = [key for path in original.folder.glob("_spool/*") if path.is_file() for key in sound_keys(path)]
        kept |= set(spooled)
        engine = ScriptedEngine()
        _generate(self.job, engine)
        assert not set(engine.asked) & kept, f"asked again for {len(set(engine.asked) & kept)} answers that were there"
        assert len(engine.asked) == len(set(engine.asked)), "asked twice"
        rows = all_rows(self.job.output)
        assert len(rows) == PAIRS and {row.key for row in rows.values()} == self.keys, "rows are lost"
        # damage can put a control character into an answer, which is then an error that says so
        assert all(row.raw_text or "cannot be stored" in str(row.error) for row in rows.values()), "a row without text"
        again = ScriptedEngine()
        _generate(self.job, again)
        assert not again.asked, "the second run asks again"
        return "mended" if engine.asked else "kept"

    def _told_falsely(self, rng: random.Random) -> str:
        """A run after a receipt was changed ends with the right rows and true receipts.

        A receipt that is not as it was written is not believed at all: nothing is asked again. Of one that was written
        so, or that does not know its digest, what it does not say of a shard is not believed.
        """
        self.finished.put_back()
        path = rng.choice(sorted(self.folder.glob("_receipts/*")))
        told = false_receipt(path.read_bytes(), rng)
        path.write_bytes(told.content)
        doubted = {self.folder / name for name in told.about} if told.is_signed else set()
        kept = set().union(*(keys for shard, keys in self.shard_keys.items() if shard not in doubted))
        engine = ScriptedEngine()
        _generate(self.job, engine)
        assert not set(engine.asked) & kept, f"asked again for {len(set(engine.asked) & kept)} answers that were there"
        assert all_rows(self.job.output) == self.rows, "other rows"
        found = verify(self.folder, self.job)
        assert found.state == "whole", f"{found.state} after the run: {found.damaged or found.as_plain()['buckets']}"
        again = ScriptedEngine()
        _generate(self.job, again)
        assert not again.asked, "the second run asks again"
        return "asked again" if engine.asked else "kept"

    def _verified(self, rng: random.Random) -> str:
        original = rng.choice((self.finished, self.stopped, self.packed))
        self._spoil(original, rng)
        job = self.job if original is not self.packed and rng.random() < 0.3 else None
        found = verify(original.folder, job)
        json.dumps(found.as_plain(), allow_nan=False)
        if found.is_damaged:
            repair(found, job)
            assert not verify(original.folder, job).damaged, "still damaged after a repair"
        return found.state

    def _inspected(self, rng: random.Random) -> str:
        original = rng.choice((self.finished, self.stopped, self.packed))
        self._spoil(original, rng)
        summary = summarise(original.folder)
        assert summary is not None
        wanted = Wanted(sample=2) if rng.random() < 0.1 else Wanted()
        found = inspect_explanations(summary, wanted)
        json.dumps(found.as_plain(), allow_nan=False)
        return "damaged" if found.summary.faults else "shown"

    def _packed_again(self, rng: random.Random) -> str:
        self.finished.put_back()
        self.packed.put_back()
        original = rng.choice((self.packed, self.packed, self.finished))
        own = [path for path in original.files if path.suffix in (".json", ".parquet") and "_plan" not in str(path)]
        damage(rng.choice(own), rng)
        pack(self.folder, self._packed, PackSettings(workers=1))
        return "packed"


def _bucket(key: str) -> str:
    return f"part-{int(key[:8], 16) % 2:05d}-of"


def _generate(job: Job, engine: ScriptedEngine) -> None:
    generate(job, make_engine=lambda: engine)


def sound_keys(spool: Path) -> list[str]:
    """The keys that a spool answers, by a plain reading of its own."""
    keys = []
    for line in spool.read_bytes().split(b"\n")[:-1]:
        with contextlib.suppress(ValueError, RecursionError, TypeError):
            content = json.loads(line)
            if set(content) == set(_FIELDS) and content["text"] == f"about {content['key']}":
                tokens = {content["prompt_tokens"], content["completion_tokens"], 0}
                if content["finish_reason"] == "stop" and content["error"] is None and tokens <= set(range(100)):
                    keys.append(content["key"])
    return keys
