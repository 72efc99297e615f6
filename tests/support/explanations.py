"""An output of generation made of given rows, as the pipeline writes it: shards by bucket and split, and receipts."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

from entityclip.contract.receipts import BucketReceipt, ShardReceipt
from pipeline.files.storage import open_storage
from pipeline.plan.plan import bucket_of
from pipeline.shards.receipts import write_receipt
from pipeline.shards.shard import Row, count_statuses, shard_name, write_shard

# What a terminal, a spreadsheet or a page could be made to do.
HOSTILE = [
    "\x1b[31mred\x1b[0m \x1b]0;title\x07",
    "\x9b31m eight-bit escape",
    "nul \x00 in it",
    "\u202egnp.exe turned round\u202c \u2066isolated\u2069",
    "zero\u200bwidth \ufeff mark",
    '=HYPERLINK("http://example.com")',
    "[bold]markup[/bold] [link=http://example.com]x[/link]",
    "<script>alert(1)</script>",
    "line\nbreaks\r\nand\ttabs",
    "a" * 100_000,
]
WORDS = "mayor bridge harbour vote speech café 日本語 Ünïcode naïve crowd".split()
_STATUSES = ["ok"] * 6 + ["truncated", "truncated", "error", "empty_caption"]


def some_rows(count: int, *, seed: int = 0) -> list[Row]:
    """Rows of three splits with several statuses; every tenth caption or explanation is hostile."""
    rng = random.Random(seed)
    return [_row(n, rng) for n in range(count)]


def _row(number: int, rng: random.Random) -> Row:
    status = rng.choice(_STATUSES)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(1, 40))) for _ in range(2)]
    if number % 5 == 0:
        texts[number // 5 % 2] = HOSTILE[number // 10 % len(HOSTILE)]
    told = status in ("ok", "truncated")
    tokens = rng.randint(1, 160)
    return Row(
        id=f"p{number:04d}",
        split=("train", "train", "val", "test")[number % 4],
        image=f"{number}.png",
        caption=texts[0],
        topic=rng.choice([None, "sport", "arts"]),
        explanation=texts[1] if told else None,
        raw_text=f"{texts[1]} as generated" if told else None,
        status=status,
        error="HTTP 500: \x1b[31mred" if status == "error" else None,
        finish_reason={"ok": "stop", "truncated": "length"}.get(status),
        prompt_tokens=rng.randint(10, 60) if told else None,
        completion_tokens=tokens if told else None,
        clip_tokens=tokens // 2 + 2 if told else None,
        key=f"{rng.getrandbits(128):032x}",
        seed=number,
        model="a/model",
        revision="r1",
    )


def write_explanations(output: Path | str, rows: list[Row], *, buckets: int = 3, **about: Any) -> None:
    """Write a finished output; `about` changes what the footers say."""
    storage = open_storage(output)
    provenance = {
        "dataset": "tiny",
        "num_shards": buckets,
        "image_root": "/data/images",
        "model": "a/model",
        "revision": "r1",
        "prompt": {"name": "news-v1", "system": "", "user": "{{ caption }}", "examples": []},
        "sampling": {"temperature": 0.0, "max_tokens": 160},
        "judge": {"clip_context_length": 77},
        "generations": [
            {
                "engine": "scripted",
                "engine_version": "1",
                "began_at": "2026-01-01T00:00:00.000+00:00",
                "finished_at": "2026-01-01T01:00:00.000+00:00",
            }
        ],
        **about,
    }
    for bucket in range(buckets):
        shards = {}
        mine = [row for row in rows if bucket_of(row.key, buckets) == bucket]
        for split in sorted({row.split for row in mine}):
            part = [row for row in mine if row.split == split]
            name = shard_name(split, bucket, buckets)
            digest, size = write_shard(storage, name, part, {**provenance, "split": split, "shard": bucket})
            shards[name] = ShardReceipt(digest, size, len(part), count_statuses(part))
        write_receipt(storage, BucketReceipt("tiny", bucket, buckets, shards, pending=0, unsent=0, plan=""))


def counted(rows: list[Row]) -> dict[str, dict[str, int]]:
    """Rows by split and status."""
    counts = Counter((row.split, row.status) for row in rows)
    splits = {row.split for row in rows}
    return {split: {status: n for (of, status), n in counts.items() if of == split} for split in splits}
