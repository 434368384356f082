from recommendations.models.embedding_model import KEPT, EmbeddingModel, ModelState
from recommendations.models.image_embedding import EmbeddingState, ImageEmbedding
from recommendations.models.strip_count import Place, Strip, StripCount

__all__ = ["KEPT", "EmbeddingModel", "EmbeddingState", "ImageEmbedding", "ModelState", "Place", "Strip", "StripCount"]
