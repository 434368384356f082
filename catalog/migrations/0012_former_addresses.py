import django.db.models.deletion
from django.db import migrations, models


def keeper(table: str, column: str, former: str, key: str) -> migrations.RunSQL:
    name = f"{table}_keeps_former_{column}"
    return migrations.RunSQL(
        f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO {former} ({column}, {key}) VALUES (OLD.{column}, NEW.id)
            ON CONFLICT ({column}) DO UPDATE SET {key} = EXCLUDED.{key};
            RETURN NULL;
        END $$;
        CREATE TRIGGER {name} AFTER UPDATE OF {column} ON {table} FOR EACH ROW
        WHEN (OLD.{column} IS DISTINCT FROM NEW.{column}) EXECUTE FUNCTION {name}();
        """,
        f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {name}();",
    )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0011_remove_product_search")]

    operations = [
        migrations.CreateModel(
            name="FormerProductSlug",
            fields=[
                ("slug", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("product", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="catalog.product")),
            ],
            options={
                "verbose_name": "former address",
                "verbose_name_plural": "former addresses",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="FormerCategoryAddress",
            fields=[
                ("address", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("category", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="catalog.category")),
            ],
            options={
                "verbose_name": "former address",
                "verbose_name_plural": "former addresses",
                "default_permissions": (),
            },
        ),
        keeper("catalog_product", "slug", "catalog_formerproductslug", "product_id"),
        keeper("catalog_category", "address", "catalog_formercategoryaddress", "category_id"),
    ]
