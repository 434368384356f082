from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_image_source_digest")]

    operations = [
        migrations.AddIndex(
            model_name="product",
            index=models.Index(condition=models.Q(("published", True)), fields=["brand"], name="product_by_brand"),
        ),
        migrations.AddIndex(
            model_name="product",
            index=GinIndex(fields=["attributes"], name="product_attributes", opclasses=["jsonb_path_ops"]),
        ),
    ]
