from recommendations.models.embedding_model import KEPT, EmbeddingModel, ModelState
from recommendations.models.image_embedding import EmbeddingState, ImageEmbedding

__all__ = ["KEPT", "EmbeddingModel", "EmbeddingState", "ImageEmbedding", "ModelState"]
