"""From a job to the work that is left in each of its shards."""

from pipeline.job import Job
from pipeline.output import check_output
from pipeline.plan import plan_pairs, read_bucket, write_plan
from pipeline.readers import read_pairs
from pipeline.resume import ShardWork, divide
from pipeline.shard import find_shards


def prepare(job: Job, limit: int | None = None) -> list[ShardWork]:
    """Read the pairs, write the plan, and divide each shard into what is settled and what is left.

    The caller holds the output folder's lock.

    Raises:
        PipelineError: the dataset, the model or the output folder is not what the manifest says.
    """
    check_output(job.output, job.manifest.name, job.manifest.num_shards)
    pairs = read_pairs(job.manifest)
    planned = plan_pairs(pairs, manifest=job.manifest, prompt=job.prompt, model=job.model, limit=limit)
    write_plan(planned, job.plan_path)
    buckets = {(p.pair.split, p.shard) for p in planned}
    for path in find_shards(job.output):  # a shard whose pairs have all left the dataset is brought up to date too
        buckets.add((path.parent.name.removeprefix("split="), int(path.name[5:10])))
    return [divide(job, split, shard, read_bucket(job.plan_path, split, shard)) for split, shard in sorted(buckets)]
