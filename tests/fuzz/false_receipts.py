"""Receipts that are well formed, but do not say what was written."""

import json
import random
from typing import Any, NamedTuple

from entityclip.contract.receipts import BucketReceipt, ShardReceipt, parse_receipt

_DIGEST = "receipt_sha256"
_NUMBERS = (-1, 1, 2, 7, 2**31)  # which are added


class FalseReceipt(NamedTuple):
    """The content of a receipt's file that is not true.

    Attributes:
        about: names of the shards that it does not describe as they are.
        is_signed: whether its own digest is made again, or left out as in older files; otherwise it is the old one.
    """

    content: bytes
    about: set[str]
    is_signed: bool


def false_receipt(content: bytes, rng: random.Random) -> FalseReceipt:
    """Change some of a receipt's values to others of their kind."""
    true, plain = parse_receipt(content), json.loads(content)
    old = plain.pop(_DIGEST)
    about: set[str] = set()
    for _ in range(rng.choice((1, 1, 2))):
        about |= rng.choice((_change_shard, _change_shard, _change_bucket))(plain, rng)
    shards = {name: ShardReceipt(**entry) for name, entry in plain["shards"].items()}
    false = BucketReceipt(**{**plain, "shards": shards})
    if false == true:  # one change has undone another
        return false_receipt(content, rng)
    match rng.choice(("old digest", "old digest", "new digest", "no digest")):
        case "old digest":
            return FalseReceipt(json.dumps({**plain, _DIGEST: old}, indent=1).encode(), about, False)
        case "new digest":
            return FalseReceipt(false.as_json(), about, True)
        case _:
            return FalseReceipt(json.dumps(plain, indent=1).encode(), about, True)


def _change_bucket(plain: dict[str, Any], rng: random.Random) -> set[str]:
    key = rng.choice(("pending", "unsent", "plan", "dataset", "num_buckets", "bucket", "schema_version"))
    value = plain[key]
    plain[key] = abs(value + rng.choice(_NUMBERS)) or 3 if isinstance(value, int) else _other_text(value, rng)
    return set()


def _change_shard(plain: dict[str, Any], rng: random.Random) -> set[str]:
    """Change what is said of a shard; return the names of those that are spoken of falsely."""
    shards: dict[str, dict[str, Any]] = plain["shards"]
    if not shards:
        return set()
    name, other = rng.choice(sorted(shards)), rng.choice(sorted(shards))
    entry = shards[name]
    match rng.randrange(7):
        case 0:
            entry["sha256"] = _other_text(entry["sha256"], rng)
        case 1 | 2:
            key = rng.choice(("size", "rows"))
            entry[key] = abs(entry[key] + rng.choice(_NUMBERS))
        case 3:
            entry["statuses"] = rng.choice(({}, {"ok": entry["rows"] + 1}, {"no such status": entry["rows"]}))
        case 4:
            del shards[name]
        case 5:
            shards[f"split=none/{name.rpartition('/')[2]}"] = dict(entry)
        case _:
            shards[name], shards[other] = shards[other], entry
    return {name, other}


def _other_text(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text))
    return f"{text[:at]}{'0' if text[at] != '0' else '1'}{text[at + 1 :]}"
