"""The library's public API: `from entityclip import EntityCLIP, load_clip, load_manifest, train`.

Each name is imported on first access, so `import entityclip` does not load torch, `pipeline` or `model`.
"""

from typing import TYPE_CHECKING, Any

from entityclip.contract.lazy_names import lazy_names

if TYPE_CHECKING:
    from model import (
        GIITM as GIITM,
        MMAE as MMAE,
        Batch as Batch,
        Encoder as Encoder,
        EntityCLIP as EntityCLIP,
        ExpertBlock as ExpertBlock,
        ExpertGate as ExpertGate,
        MethodSettings as MethodSettings,
        ModelError as ModelError,
        TrainSettings as TrainSettings,
        Triple as Triple,
        anchor_loss as anchor_loss,
        bridge_loss as bridge_loss,
        contrastive_loss as contrastive_loss,
        draw_hard_negatives as draw_hard_negatives,
        evaluate as evaluate,
        export as export,
        load as load,
        load_clip as load_clip,
        load_entityclip as load_entityclip,
        load_settings as load_settings,
        matching_loss as matching_loss,
        ranks as ranks,
        read_triples as read_triples,
        train as train,
    )
    from pipeline import (
        SCHEMA as SCHEMA,
        Judge as Judge,
        Manifest as Manifest,
        Pair as Pair,
        PipelineError as PipelineError,
        Status as Status,
        explain as explain,
        load_manifest as load_manifest,
        open_job as open_job,
        pack as pack,
        read_pairs as read_pairs,
    )

_get, __all__ = lazy_names(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name != "__version__":
        return _get(name)
    from importlib.metadata import version  # takes longer to import than all else here

    return version("entityclip")
