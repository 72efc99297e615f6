"""The pipeline without Prefect: generates a job's buckets on as many threads as the flow uses."""

from concurrent.futures import ThreadPoolExecutor

from benchmarks.instant_engine import InstantEngine
from pipeline.generation.bucket import BucketReport, make_bucket
from pipeline.generation.prepare import prepare, shards_there
from pipeline.generation.run import open_run, rare_collections
from pipeline.job import Job
from pipeline.shards.writer_lock import single_writer

_THREADS = 4


def make_all(job: Job) -> list[BucketReport]:
    """Plan the job, and bring every bucket up to date with an engine that answers instantly."""
    with single_writer(job.work), rare_collections():
        plan = prepare(job)
        with open_run(job, plan, shards_there(job), InstantEngine) as run, ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(lambda bucket: make_bucket(run, bucket), plan.buckets))
