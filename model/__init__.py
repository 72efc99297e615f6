"""Training, evaluation and reports of EntityCLIP. Imports neither Prefect nor `pipeline`."""

from typing import TYPE_CHECKING

from entityclip.contract.amx import avoid_doubtful_amx
from entityclip.contract.lazy_names import lazy_names
from entityclip.contract.moved_modules import answer_for_moved_modules

if TYPE_CHECKING:
    from model.checkpoints.checkpoint import load_clip as load_clip, load_entityclip as load_entityclip
    from model.data.shards import read_triples as read_triples
    from model.data.triple_table import Triple as Triple
    from model.errors import ModelError as ModelError
    from model.evaluation.evaluate import evaluate as evaluate
    from model.evaluation.retrieval import ranks as ranks
    from model.exporting.export import export as export
    from model.method.batch import Batch as Batch
    from model.method.entityclip import EntityCLIP as EntityCLIP
    from model.method.gi_itm import GIITM as GIITM
    from model.method.hard_negatives import draw_hard_negatives as draw_hard_negatives
    from model.method.losses import (
        anchor_loss as anchor_loss,
        bridge_loss as bridge_loss,
        contrastive_loss as contrastive_loss,
        matching_loss as matching_loss,
    )
    from model.method.mmae import MMAE as MMAE, ExpertBlock as ExpertBlock, ExpertGate as ExpertGate
    from model.search.encoder import Encoder as Encoder, load as load
    from model.settings.load import load_settings as load_settings
    from model.settings.schema import MethodSettings as MethodSettings, TrainSettings as TrainSettings
    from model.training.loop import train as train

__getattr__, __all__ = lazy_names(__name__, __file__)
avoid_doubtful_amx()
answer_for_moved_modules()
