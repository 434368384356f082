from django.db import migrations, models


class Migration(migrations.Migration):
    """The new indexes come first, so that budgets always have one."""

    dependencies = [("catalog", "0014_renditions")]

    operations = [
        migrations.AddIndex(
            model_name="product",
            index=models.Index(
                condition=models.Q(("published", True)), fields=["price", "-id"], name="product_cheapest"
            ),
        ),
        migrations.AddIndex(
            model_name="product",
            index=models.Index(
                models.OrderBy(models.F("price"), descending=True, nulls_last=True),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("published", True)),
                name="product_dearest",
            ),
        ),
        migrations.RemoveIndex(model_name="product", name="product_by_price"),
    ]
