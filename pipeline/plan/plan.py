"""The plan: every pair with its key, seed and bucket, computed in one streaming pass and written as Parquet.

The bucket is computed from the key, so identical prompts share a bucket, even across splits, and editing a pair does
not move any other pair. Memory use is 70 bytes per pair, to detect duplicate ids.
"""

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from entityclip.contract.atomic_files import remove_anything
from entityclip.contract.plausible import check_row_counts
from pipeline.errors import PipelineError
from pipeline.images.check import image_digest
from pipeline.images.remote import with_images
from pipeline.job import Job
from pipeline.manifest.datasets import OwnDataset
from pipeline.pair import Pair
from pipeline.plan.key import Addresses

PLAN_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("image", pa.string(), nullable=False),
        pa.field("caption", pa.string(), nullable=False),
        pa.field("topic", pa.string()),
        pa.field("key", pa.string(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("selected", pa.bool_(), nullable=False),
    ]
)
_VALUES = attrgetter("pair.id", "pair.split", "pair.image", "pair.caption", "pair.topic", "key", "seed", "selected")
_PAIRS_IN_MEMORY = 50_000
_CHARACTERS_IN_MEMORY = 64 * 2**20  # captions may be of any length


@dataclass(frozen=True, slots=True)
class PlannedPair:
    """A pair with the content address of its explanation.

    `selected` is False for pairs beyond `limit`: an existing explanation is kept, but this run generates no new one.
    """

    pair: Pair
    key: str
    seed: int
    selected: bool


@dataclass(frozen=True)
class Plan:
    """A plan on disk: its folder, its buckets, and the number of pairs by split."""

    folder: Path
    buckets: range
    pairs: dict[str, int]

    def bucket(self, number: int) -> "PlannedBucket":
        """Return the planned pairs of one bucket, all splits together, in the dataset's order."""
        pieces = sorted(_bucket_folder(self.folder, number).glob("*.parquet"))
        tables = [PLAN_SCHEMA.empty_table(), *map(_read_piece, pieces)]
        return PlannedBucket(pa.concat_tables(tables).combine_chunks())


@dataclass(frozen=True, slots=True)
class PlannedBucket:
    """One bucket of a plan, as a table."""

    table: pa.Table

    def __len__(self) -> int:
        return len(self.table)

    @property
    def digest(self) -> str:
        """Digest (32 hex digits) of the planned pairs, independent of how they are divided into files."""
        stream = io.BytesIO()
        with pa.ipc.new_stream(stream, PLAN_SCHEMA) as writer:
            writer.write_table(self.table)
        return hashlib.blake2b(stream.getbuffer(), digest_size=16).hexdigest()

    def pairs(self) -> list[PlannedPair]:
        """Return the planned pairs."""
        columns = [column.to_pylist() for column in self.table.itercolumns()]
        return [
            PlannedPair(Pair(*pair), key, seed, selected) for *pair, key, seed, selected in zip(*columns, strict=True)
        ]


def bucket_of(key: str, num_buckets: int) -> int:
    """Return the number of the bucket that a key belongs to."""
    return int(key[:8], 16) % num_buckets


def plan_pairs(pairs: Iterable[Pair], job: Job, limit: int | None = None) -> Iterator[PlannedPair]:
    """Yield every pair with its key and seed; the first `limit` pairs (default: all) are selected.

    Raises:
        PipelineError: two pairs of one split share an id, or there are no pairs.
    """
    seen: set[int] = set()
    generation = job.manifest.generation
    addresses = Addresses(job.model, generation.sampling, generation.engine)
    for number, pair in enumerate(with_images(pairs, job.manifest) if generation.send_image else pairs):
        identity = hash((pair.split, pair.id))
        if identity in seen:
            hint = "; dataset.columns: {id: null} generates ids" if isinstance(job.manifest.dataset, OwnDataset) else ""
            raise PipelineError(f"dataset {job.manifest.name}: id {pair.id!r} occurs twice in split {pair.split}{hint}")
        seen.add(identity)
        image = image_digest(job.manifest.image_root, pair.image) if generation.send_image else None
        prompt = job.prompts.prompt(pair)
        job.prompts.count(prompt)
        key, seed = addresses.address(prompt.messages, image, prompt.form)
        yield PlannedPair(pair, key, seed, limit is None or number < limit)
    if not seen:
        raise PipelineError(f"dataset {job.manifest.name} has no pairs")


def write_plan(planned: Iterable[PlannedPair], folder: Path, num_buckets: int, only: range | None = None) -> Plan:
    """Write the plan, or only the buckets in `only`, to `folder`; replace an older plan once this one is complete."""
    wanted = only if only is not None else range(num_buckets)
    temporary = folder.with_name(f"{folder.name}.tmp")
    remove_anything(temporary)
    buckets: dict[int, list[PlannedPair]] = {}
    counts: dict[str, int] = {}
    held = characters = pieces = 0
    for entry in tqdm(planned, desc="plan", unit=" pairs", mininterval=1, disable=None):
        bucket = bucket_of(entry.key, num_buckets)
        if bucket not in wanted:
            continue
        buckets.setdefault(bucket, []).append(entry)
        counts[entry.pair.split] = counts.get(entry.pair.split, 0) + 1
        held += 1
        characters += len(entry.pair.caption) + len(entry.pair.image) + len(entry.pair.topic or "")
        if held == _PAIRS_IN_MEMORY or characters > _CHARACTERS_IN_MEMORY:
            _write_pieces(buckets, temporary, pieces)
            buckets, held, characters, pieces = {}, 0, 0, pieces + 1
    _write_pieces(buckets, temporary, pieces)
    temporary.mkdir(parents=True, exist_ok=True)  # these buckets may have no pairs
    remove_anything(folder)  # every run plans anew, so an older plan is not needed
    temporary.rename(folder)
    return Plan(folder, wanted, counts)


def _write_pieces(buckets: dict[int, list[PlannedPair]], folder: Path, number: int) -> None:
    for bucket, planned in buckets.items():
        path = _bucket_folder(folder, bucket) / f"{number:06d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = zip(*map(_VALUES, planned), strict=True)
        table = pa.table(dict(zip(PLAN_SCHEMA.names, columns, strict=True)), schema=PLAN_SCHEMA)
        pq.write_table(table, path, compression="zstd")


def _read_piece(path: Path) -> pa.Table:
    with pq.ParquetFile(path) as parquet:
        check_row_counts(parquet.metadata, path.stat().st_size)
        table = parquet.read()
    table.validate(full=True)
    return table


def _bucket_folder(folder: Path, bucket: int) -> Path:
    return folder / f"bucket-{bucket:05d}"
