"""Cleaning again from the raw text, without an engine: after a change of the rules, or to see what they do."""

from collections import Counter

from pipeline.job import Job
from pipeline.output import check_output
from pipeline.rows import cleaned_again
from pipeline.shard import find_shards, read_provenance, read_rows, write_shard


def reclean(job: Job) -> Counter[str]:
    """Rewrite the shards whose rows change; how many rows now have another explanation or status, by status.

    The caller holds the output folder's lock.

    Raises:
        PipelineError: the folder is not this dataset's.
    """
    check_output(job.output, job.manifest.name, job.manifest.num_shards)
    changed: Counter[str] = Counter()
    for path in find_shards(job.output):
        rows = read_rows(path)
        again = [cleaned_again(row) for row in rows]
        changed.update(new.status for old, new in zip(rows, again, strict=True) if old != new)
        if again != rows:
            write_shard(path, again, read_provenance(path))
    return changed
