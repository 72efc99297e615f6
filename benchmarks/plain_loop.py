"""The pipeline without Prefect: the buckets of a job over as many threads as the flow has."""

from concurrent.futures import ThreadPoolExecutor

from benchmarks.instant_engine import InstantEngine
from pipeline.engines.lazy import LazyEngine
from pipeline.generation.bucket import BucketReport, make_bucket
from pipeline.generation.prepare import prepare, shards_there
from pipeline.generation.run import ErrorLimit, Run, rare_collections
from pipeline.job import Job
from pipeline.judge.process import JudgeProcess
from pipeline.progress import Progress
from pipeline.shards.writer_lock import single_writer

_THREADS = 4


def make_all(job: Job) -> list[BucketReport]:
    """Plan, and bring every bucket up to date with an engine that answers at once."""
    judging = JudgeProcess(job.judge, job.manifest.folder)
    with single_writer(job.work), rare_collections(), LazyEngine(InstantEngine) as engine, judging:
        plan = prepare(job)
        progress = Progress("generate", "rows", sum(plan.pairs.values()), final=True)
        with progress, ThreadPoolExecutor(_THREADS) as pool:
            run = Run(job, plan, shards_there(job), engine, judging, progress, ErrorLimit(1.0))
            return list(pool.map(lambda bucket: make_bucket(run, bucket), plan.buckets))
