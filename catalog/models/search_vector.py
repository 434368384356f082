from django.contrib.postgres.search import (
    SearchConfig,
    SearchVector,
    SearchVectorCombinable,
    SearchVectorField,
)
from django.db.models import Expression, Func

CONFIG = "english"


class AttributesVector(SearchVectorCombinable, Func):
    """The values of a JSON column as search text: "navy women" finds what no title says."""

    function = "to_tsvector"
    template = f"setweight(%(function)s('{CONFIG}'::regconfig, %(expressions)s), 'C')"
    arity = 1
    config = SearchConfig(CONFIG)
    output_field = SearchVectorField()


def product_vector() -> Expression:
    return (
        SearchVector("title", weight="A", config=CONFIG)
        + SearchVector("brand", weight="B", config=CONFIG)
        + AttributesVector("attributes")
        + SearchVector("description", weight="D", config=CONFIG)
    )
