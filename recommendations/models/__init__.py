from recommendations.models.embedding_model import EmbeddingModel, ModelState
from recommendations.models.image_embedding import EmbeddingState, ImageEmbedding

__all__ = ["EmbeddingModel", "EmbeddingState", "ImageEmbedding", "ModelState"]
