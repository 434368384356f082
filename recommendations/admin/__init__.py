"""The admin of embeddings, merchandising and the pipeline."""

from recommendations.admin import embeddings, merchandising  # noqa: F401  (registers them)
