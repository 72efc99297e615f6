"""The plan: every pair with its key, seed and shard, written once as Parquet before anything is generated."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from pipeline.atomic import committed
from pipeline.errors import PipelineError
from pipeline.key import explanation_key, row_seed
from pipeline.llm import LanguageModel
from pipeline.manifest import Manifest
from pipeline.pair import Pair
from pipeline.prompt import PromptTemplate

PLAN_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("image", pa.string(), nullable=False),
        pa.field("caption", pa.string(), nullable=False),
        pa.field("topic", pa.string()),
        pa.field("key", pa.string(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("shard", pa.int32(), nullable=False),
        pa.field("selected", pa.bool_(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True)
class PlannedPair:
    """A pair with the content address of its explanation.

    `selected` is False for pairs beyond `limit`: they keep what they have, but are not generated in this run.
    """

    pair: Pair
    key: str
    seed: int
    shard: int
    selected: bool


def shard_of(key: str, num_shards: int) -> int:
    """The bucket of a key: identical prompts meet in one, and an edit elsewhere moves nothing."""
    return int(key[:8], 16) % num_shards


def plan_pairs(
    pairs: Iterable[Pair],
    *,
    manifest: Manifest,
    prompt: PromptTemplate,
    model: LanguageModel,
    limit: int | None = None,
) -> list[PlannedPair]:
    """Give every pair its key, seed and shard; the first `limit` of them are selected.

    Raises:
        PipelineError: two pairs of one split share an id, or there are no pairs.
    """
    planned: list[PlannedPair] = []
    seen: set[tuple[str, str]] = set()
    sampling = manifest.generation.sampling
    for pair in tqdm(pairs, desc="plan", unit=" pairs", mininterval=1, disable=None):
        if (pair.split, pair.id) in seen:
            raise PipelineError(f"dataset {manifest.name}: id {pair.id!r} occurs twice in split {pair.split}")
        seen.add((pair.split, pair.id))
        messages = prompt.render(pair)
        key = explanation_key(messages, model, sampling)
        selected = limit is None or len(planned) < limit
        shard = shard_of(key, manifest.num_shards)
        planned.append(PlannedPair(pair, key, row_seed(messages, sampling), shard, selected))
    if not planned:
        raise PipelineError(f"dataset {manifest.name} has no pairs")
    return planned


def write_plan(planned: list[PlannedPair], path: Path) -> None:
    """Write the plan as one Parquet file, atomically."""
    rows = [
        {
            "id": p.pair.id,
            "split": p.pair.split,
            "image": p.pair.image,
            "caption": p.pair.caption,
            "topic": p.pair.topic,
            "key": p.key,
            "seed": p.seed,
            "shard": p.shard,
            "selected": p.selected,
        }
        for p in planned
    ]
    with committed(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=PLAN_SCHEMA), temporary, compression="zstd")


def read_bucket(path: Path, split: str, shard: int) -> list[PlannedPair]:
    """The planned pairs of one shard."""
    table = pq.read_table(path, filters=[("split", "==", split), ("shard", "==", shard)])
    return [
        PlannedPair(
            Pair(row["id"], row["split"], row["image"], row["caption"], row["topic"]),
            row["key"],
            row["seed"],
            row["shard"],
            row["selected"],
        )
        for row in table.to_pylist()
    ]
