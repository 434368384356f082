from recommendations.models.embedding_model import KEPT, EmbeddingModel, ModelState
from recommendations.models.image_embedding import EmbeddingState, ImageEmbedding
from recommendations.models.search_health import SearchHealth

__all__ = ["KEPT", "EmbeddingModel", "EmbeddingState", "ImageEmbedding", "ModelState", "SearchHealth"]
