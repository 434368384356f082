from catalog.models.category import Category
from catalog.models.former_address import FormerCategoryAddress, FormerProductSlug
from catalog.models.image import ProductImage
from catalog.models.media_state import MediaState
from catalog.models.product import Product
from catalog.models.search_text import SearchMiss, SearchText, SearchWord
from catalog.models.synonyms import Synonyms

__all__ = [
    "Category",
    "FormerCategoryAddress",
    "FormerProductSlug",
    "MediaState",
    "Product",
    "ProductImage",
    "SearchMiss",
    "SearchText",
    "SearchWord",
    "Synonyms",
]
