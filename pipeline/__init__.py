"""Generation pipeline: manifest -> plan -> explanations -> Parquet shards. It imports neither Prefect nor `model`."""

from typing import TYPE_CHECKING

from entityclip.contract.amx import avoid_doubtful_amx
from entityclip.contract.lazy_names import lazy_names
from entityclip.contract.moved_modules import answer_for_moved_modules

if TYPE_CHECKING:
    from entityclip.contract.schema import SCHEMA as SCHEMA
    from entityclip.contract.status import Status as Status
    from pipeline.errors import PipelineError as PipelineError
    from pipeline.generation.explain import explain as explain
    from pipeline.job import open_job as open_job
    from pipeline.judge.rules import Judge as Judge
    from pipeline.manifest.manifest import Manifest as Manifest, load_manifest as load_manifest
    from pipeline.packing.pack import pack as pack
    from pipeline.pair import Pair as Pair
    from pipeline.readers import read_pairs as read_pairs

__getattr__, __all__ = lazy_names(__name__, __file__)
avoid_doubtful_amx()
answer_for_moved_modules()
