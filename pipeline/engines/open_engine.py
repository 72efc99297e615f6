"""The engine that a job's manifest names."""

from pipeline.engines.protocol import Engine
from pipeline.engines.transformers_engine import TransformersGeneration
from pipeline.engines.vllm_client import VllmGeneration
from pipeline.job import Job
from pipeline.manifest import TransformersEngine


def engine_for(job: Job) -> Engine:
    """An engine ready to be opened with `with`; nothing is loaded or started before that."""
    generation = job.manifest.generation
    if isinstance(generation.engine, TransformersEngine):
        return TransformersGeneration(job.model, generation.sampling, generation.engine)
    log = job.output / "_vllm-server.log"
    return VllmGeneration(job.model, generation.sampling, generation.max_model_len, generation.engine, log)
