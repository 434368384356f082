"""What text search reads instead of products: a narrow table that can be filled and replaced while the shop runs."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.utils.translation import gettext_lazy as _

from catalog.models.product import Product


class SearchText(models.Model):
    """One row for each product, made by a trigger. `catalog.search.indexing` fills in the words.

    The database deletes the row with its product, so that deleting products takes no statement more.
    """

    product = models.OneToOneField(
        Product, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="search_text"
    )
    vector = SearchVectorField()
    version = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Of catalog.search.lexemes; 0: the product has changed since."
    )

    class Meta:
        default_permissions = ()
        indexes = [
            GinIndex(fields=["vector"], name="search_text_vector", fastupdate=False),  # catalog.search.finding
            models.Index(fields=["version"], name="search_text_version"),  # catalog.search.indexing.index_stale
        ]

    def __str__(self) -> str:
        return f"words of product {self.product_id}"


class SearchWord(models.Model):
    """A word of published products, to which a misspelt one may be corrected."""

    word = models.CharField(max_length=24, primary_key=True)
    products = models.PositiveIntegerField(help_text="How many published products contain it, roughly.")
    near = ArrayField(models.CharField(max_length=24), help_text="The word with letters left out.")

    class Meta:
        default_permissions = ()
        indexes = [GinIndex(fields=["near"], name="search_word_near", fastupdate=False)]  # catalog.search.spelling

    def __str__(self) -> str:
        return self.word


class SearchMiss(models.Model):
    """How often a search found no product with all its words on a day. Nothing says who searched."""

    day = models.DateField(_("day"))
    words = models.CharField(_("words"), max_length=100)
    searches = models.PositiveIntegerField(_("searches"), default=1)

    class Meta:
        default_permissions = ("view",)
        verbose_name = _("search without results")
        verbose_name_plural = _("searches without results")
        constraints = [models.UniqueConstraint(fields=["day", "words"], name="one_count_per_day_and_words")]

    def __str__(self) -> str:
        return self.words
