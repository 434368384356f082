from catalog.models.category import Category
from catalog.models.image import ProductImage
from catalog.models.media_state import MediaState
from catalog.models.product import Product

__all__ = ["Category", "MediaState", "Product", "ProductImage"]
