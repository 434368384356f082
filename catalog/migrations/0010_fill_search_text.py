from django.db import connection, migrations, transaction

from catalog.search.lexemes import VERSION, vector_of

BATCH = 1000


def fill(apps, schema_editor):
    """In batches, each in its own transaction, so that no table is locked for long. Continues if it was interrupted."""
    products, texts = apps.get_model("catalog", "Product"), apps.get_model("catalog", "SearchText")
    last = 0
    while True:
        with transaction.atomic():
            stale = texts.objects.filter(version=0, pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]
            if not (batch := list(stale)):
                return
            last = batch[-1]
            found = products.objects.filter(pk__in=batch).order_by("pk").defer("search").select_for_update(no_key=True)
            vectors = {product.pk: vector_of(product) for product in found}
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE catalog_searchtext SET vector = made.vector::tsvector, version = %s "
                    "FROM unnest(%s::bigint[], %s::text[]) AS made (id, vector) WHERE product_id = made.id",
                    [VERSION, list(vectors), list(vectors.values())],
                )


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('catalog', '0009_search_text'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
