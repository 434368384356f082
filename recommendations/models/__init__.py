from recommendations.models.dismissed_offer import DismissedOffer
from recommendations.models.embedding_model import KEPT, EmbeddingModel, ModelState
from recommendations.models.image_embedding import EmbeddingState, ImageEmbedding
from recommendations.models.merchandising import MOST_BOOST, Effect, Pin, Rule, Veto
from recommendations.models.pause import Pause
from recommendations.models.pipeline import Pipeline
from recommendations.models.refusal import Refusal
from recommendations.models.renewal import Renewal
from recommendations.models.search_health import SearchHealth
from recommendations.models.stage_totals import Stage, StagePictures, StageTime
from recommendations.models.strip_count import Place, Strip, StripCount
from recommendations.models.worker import Worker

__all__ = [
    "KEPT",
    "MOST_BOOST",
    "DismissedOffer",
    "Effect",
    "EmbeddingModel",
    "EmbeddingState",
    "ImageEmbedding",
    "ModelState",
    "Pause",
    "Pin",
    "Pipeline",
    "Place",
    "Refusal",
    "Renewal",
    "Rule",
    "SearchHealth",
    "Stage",
    "StagePictures",
    "StageTime",
    "Strip",
    "StripCount",
    "Veto",
    "Worker",
]
