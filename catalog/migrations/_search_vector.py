"""The expression of the first migration."""

from django.contrib.postgres.search import (
    SearchConfig,
    SearchVectorCombinable,
    SearchVectorField,
)
from django.db.models import Func

CONFIG = "english"


class AttributesVector(SearchVectorCombinable, Func):
    """The values of a JSON column as search text: "navy women" finds what no title says."""

    function = "to_tsvector"
    template = f"setweight(%(function)s('{CONFIG}'::regconfig, %(expressions)s), 'C')"
    arity = 1
    config = SearchConfig(CONFIG)
    output_field = SearchVectorField()
