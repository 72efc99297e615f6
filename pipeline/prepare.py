"""From a job to its plan, and to the buckets that a run has to look at."""

from pipeline.job import Job
from pipeline.output import check_output
from pipeline.plan import Plan, plan_pairs, write_plan
from pipeline.readers import read_pairs


def prepare(job: Job, limit: int | None = None) -> Plan:
    """Read the pairs and write the plan; every number below `plan.num_buckets` is a bucket to make.

    The caller holds the output folder's lock.

    Raises:
        PipelineError: the dataset, the model or the output folder is not what the manifest says.
    """
    check_output(job.output, job.manifest.name, job.manifest.num_shards)
    planned = plan_pairs(read_pairs(job.manifest), job, limit)
    return write_plan(planned, job.plan_folder, job.manifest.num_shards)
