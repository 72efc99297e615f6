"""The engine that a job's manifest names."""

from pipeline.engines.base import Engine
from pipeline.engines.transformers_engine import TransformersGeneration
from pipeline.engines.vllm.client import VllmGeneration
from pipeline.engines.vllm.server import DEFAULT_PYTHON, VllmServer
from pipeline.engines.vllm.supervisor import SupervisedServer
from pipeline.job import Job
from pipeline.manifest.generation import TransformersEngine


def engine_for(job: Job) -> Engine:
    """An engine ready to be opened with `with`; nothing is loaded or started before that.

    Raises:
        PipelineError: a vLLM server is to be started, and there is no vLLM to start; or an API key is not set.
    """
    generation = job.manifest.generation
    settings = generation.engine
    if isinstance(settings, TransformersEngine):
        return TransformersGeneration(job.model, generation.sampling, settings)
    server = None
    if not settings.urls:
        # not resolved: an environment's interpreter is a link, and where it points to has no vllm
        python = job.manifest.folder / settings.python if settings.python else DEFAULT_PYTHON
        log = job.server_log
        media_root = job.manifest.image_root.resolve() if generation.send_image else None
        vllm = VllmServer(job.model, generation.max_model_len, settings, python, log, media_root)
        server = SupervisedServer(vllm, settings.max_restarts)
    return VllmGeneration(job.model, generation.sampling, settings, generation.max_model_len, server)
