from recommendations.models.embedding_model import KEPT, EmbeddingModel, ModelState
from recommendations.models.image_embedding import EmbeddingState, ImageEmbedding
from recommendations.models.merchandising import MOST_BOOST, Effect, Pin, Rule, Veto

__all__ = [
    "KEPT",
    "MOST_BOOST",
    "Effect",
    "EmbeddingModel",
    "EmbeddingState",
    "ImageEmbedding",
    "ModelState",
    "Pin",
    "Rule",
    "Veto",
]
