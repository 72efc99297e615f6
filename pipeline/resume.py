"""Resume as a pure function of (plan bucket, existing shard): what is kept, what is left to generate."""

from dataclasses import dataclass

from pipeline.engines.protocol import Request
from pipeline.images import image_problem
from pipeline.job import Job
from pipeline.plan import PlannedPair
from pipeline.rows import copied_row, unsent_row
from pipeline.shard import Row, read_rows, shard_path
from pipeline.status import Status


@dataclass(frozen=True)
class ShardWork:
    """One shard's planned pairs, divided.

    Attributes:
        settled: rows in their final form; they need no engine.
        reused: how many of `settled` carry a text that is there already.
        requests: one per distinct key that has no text yet.
        waiting: the pairs behind each request, by key; identical prompts are generated once.
        pending: pairs left for a later run (beyond `limit`).
        is_current: the file on disk already says all this, so nothing is to be written.
    """

    split: str
    shard: int
    settled: list[Row]
    reused: int
    requests: list[Request]
    waiting: dict[str, list[PlannedPair]]
    pending: int
    is_current: bool


def divide(job: Job, split: str, shard: int, bucket: list[PlannedPair]) -> ShardWork:
    """Divide a bucket against the shard on disk.

    Rows are matched by key, never by position. A row that has no text (its image was missing, the engine
    failed) is judged anew, because its cause may have been mended since.
    """
    path = shard_path(job.output, split, shard, job.manifest.num_shards)
    existing = {row.id: row for row in read_rows(path)} if path.is_file() else {}
    answers = {row.key: row for row in existing.values() if row.was_generated}
    settled: list[Row] = []
    open_pairs: list[PlannedPair] = []
    reused = pending = 0
    for planned in bucket:
        old = existing.get(planned.pair.id)
        if old is not None and old.key == planned.key and old.was_generated:
            settled.append(copied_row(planned, old))
            reused += 1
        elif not planned.selected:
            pending += 1
            if old is not None and old.key == planned.key:
                settled.append(old)
        elif (problem := _problem(job, planned)) is not None:
            settled.append(unsent_row(planned, job.model, *problem))
        elif planned.key in answers:
            settled.append(copied_row(planned, answers[planned.key]))
            reused += 1
        else:
            open_pairs.append(planned)
    requests, waiting, too_long = _requests(job, open_pairs)
    settled.extend(too_long)
    is_current = not requests and existing == {row.id: row for row in settled}
    return ShardWork(split, shard, settled, reused, requests, waiting, pending, is_current)


def _problem(job: Job, planned: PlannedPair) -> tuple[Status, str] | None:
    if not planned.pair.caption.strip():
        return Status.EMPTY_CAPTION, "the caption is empty"
    if job.manifest.check_images:
        problem = image_problem(job.manifest.image_root, planned.pair.image)
        if problem is not None:
            return Status.BAD_IMAGE, problem
    return None


def _requests(job: Job, open_pairs: list[PlannedPair]) -> tuple[list[Request], dict[str, list[PlannedPair]], list[Row]]:
    """Requests for the pairs that fit the model's context, and rows for those that do not."""
    waiting: dict[str, list[PlannedPair]] = {}
    for planned in open_pairs:
        waiting.setdefault(planned.key, []).append(planned)
    chats = {key: job.prompt.render(pairs[0].pair) for key, pairs in waiting.items()}
    lengths = dict(zip(chats, job.model.count_tokens(list(chats.values())), strict=True))
    room = job.manifest.generation.max_model_len - job.manifest.generation.sampling.max_tokens
    requests: list[Request] = []
    too_long: list[Row] = []
    for key, chat in chats.items():
        if lengths[key] <= room:
            requests.append(Request(key, chat, lengths[key], waiting[key][0].seed))
            continue
        reason = (
            f"the prompt has {lengths[key]} tokens; max_model_len {job.manifest.generation.max_model_len} less "
            f"max_tokens {job.manifest.generation.sampling.max_tokens} leaves {room}"
        )
        too_long.extend(unsent_row(p, job.model, Status.TOO_LONG, reason) for p in waiting.pop(key))
    return requests, waiting, too_long
