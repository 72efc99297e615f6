"""Builds the engine configured in a manifest."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pipeline.engines.base import Engine
from pipeline.engines.transformers_engine import TransformersGeneration
from pipeline.engines.vllm.api_key import ApiKey
from pipeline.engines.vllm.client import VllmGeneration
from pipeline.engines.vllm.server import DEFAULT_PYTHON, VllmServer, installed_vllm
from pipeline.engines.vllm.supervisor import SupervisedServer
from pipeline.job import Job
from pipeline.manifest.generation import TransformersEngine, VllmEngine
from pipeline.weights import check_tensors, check_weight_files


def engine_for(job: Job) -> Engine:
    """Return a job's engine; nothing is loaded or started until it is entered with `with`.

    Raises:
        PipelineError: a vLLM server is needed but vLLM is not installed, or an API key is not set.
    """
    generation = job.manifest.generation
    settings = generation.engine
    if isinstance(settings, TransformersEngine):
        return TransformersGeneration(job.model, generation.sampling, settings)
    server = None
    if not settings.urls:
        python = _vllm_python(job, settings)
        media_root = job.manifest.image_root.resolve() if generation.send_image else None
        vllm = VllmServer(job.model, generation.max_model_len, settings, python, job.server_log, media_root)
        server = SupervisedServer(vllm, settings.max_restarts)
    return VllmGeneration(job.model, generation.sampling, settings, generation.max_model_len, server)


@contextmanager
def engine_without_log(job: Job) -> Iterator[Engine]:
    """Open the job's engine; its server, if it has one, writes its log to a temporary folder, not the work folder."""
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = replace(job, manifest=job.manifest.model_copy(update={"work": Path(folder)}))
        with engine_for(elsewhere) as engine:
            yield engine


def check_engine(job: Job) -> None:
    """Check, in milliseconds and before the data is read, that a job's engine can be created.

    The transformers engine compares the weights with the model's configuration when it loads them.

    Raises:
        PipelineError: the model is not available, its weights are damaged, vLLM is not installed, or an API key is not
            set.
    """
    settings = job.manifest.generation.engine
    job.model.check_available()
    if isinstance(settings, TransformersEngine):
        check_weight_files(job.model, other_formats=False)
        return
    ApiKey.named(settings.api_key_env, os.environ)
    if not settings.urls:
        check_weight_files(job.model, other_formats=True)
        installed_vllm(_vllm_python(job, settings))


def check_model(job: Job) -> None:
    """Check that a job's model can be used: its files, its tensors' names and shapes, tokenizer and chat template.

    Takes seconds. With servers at `urls`, only tokenizer and chat template are checked, as the weights are theirs.

    Raises:
        PipelineError: something is missing, damaged or does not fit.
    """
    settings = job.manifest.generation.engine
    vllm = settings if isinstance(settings, VllmEngine) else None
    if vllm is None or not vllm.urls:
        check_weight_files(job.model, other_formats=vllm is not None)
    job.prompts.form  # noqa: B018 - reports errors in tokenizer and chat template
    if vllm is None or not (vllm.urls or vllm.serve):  # flags may change how the checkpoint is read
        check_tensors(job.model)


def _vllm_python(job: Job, settings: VllmEngine) -> Path:
    # not resolved: a virtual environment's interpreter is a symlink to an interpreter without vllm
    return job.manifest.folder / settings.python if settings.python else DEFAULT_PYTHON
