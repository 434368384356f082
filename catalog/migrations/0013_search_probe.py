"""How `catalog.search.statements.probe` asks the index of words. The settings keep the planner from reading the whole
catalog, and hold for this function only."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION catalog_search_probe(query tsquery, most int, give int, OUT ids bigint[], OUT count bigint)
LANGUAGE sql STABLE SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off AS $$
    SELECT (array_agg(product_id ORDER BY product_id DESC))[:give], count(*)
    FROM (SELECT product_id FROM catalog_searchtext WHERE vector @@ query LIMIT most + 1) AS found
$$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0012_former_addresses'),
    ]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION catalog_search_probe(tsquery, int, int)"),
    ]
