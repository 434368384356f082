"""The admin of embeddings, of what stands beside a product, and of the pipeline."""

from recommendations.admin import embeddings, merchandising  # noqa: F401  (registers them)
