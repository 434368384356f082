"""The admin of the catalog."""

from catalog.admin import categories, products  # noqa: F401  (registers them)
from catalog.search import admin  # noqa: F401  (registers its models)
