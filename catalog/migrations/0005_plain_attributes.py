from django.core.validators import MaxLengthValidator
from django.db import migrations, models

import catalog.attributes

PATH = (
    '\'strict $.type() == "object"'
    ' && !(exists ($.* ? (@.type() == "object" || @.type() == "null")))'
    ' && !(exists ($.* ? (@.type() == "array")[*] ? (@.type() != "string")))\''
)


def mend(apps, schema_editor):
    """Lists, texts, numbers and null become objects; what is nested becomes text. Nothing that was said is lost."""
    Product = apps.get_model("catalog", "Product")
    odd = Product.objects.extra(where=[f"NOT COALESCE(jsonb_path_match(attributes, {PATH}, '{{}}', true), false)"])
    for pk, attributes in odd.values_list("pk", "attributes").iterator():
        Product.objects.filter(pk=pk).update(attributes=catalog.attributes.mended(attributes))


def forget_former_prices(apps, schema_editor):
    """A former price without a price was never shown, and cannot be edited with the new rule in force."""
    Product = apps.get_model("catalog", "Product")
    Product.objects.filter(price=None).exclude(compare_at_price=None).update(compare_at_price=None)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_image_request_id")]

    operations = [
        migrations.RunPython(mend, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(forget_former_prices, migrations.RunPython.noop, elidable=True),
        # What is mended leaves deferred checks behind, which would stand in the way of the ALTER TABLE.
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="product",
            name="attributes",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text='For instance {"colour": "Navy Blue", "sizes": ["38", "40"]}: texts, numbers, true, false, '
                "or lists of texts.",
                validators=[catalog.attributes.validate_attributes],
            ),
        ),
        migrations.AlterField(
            model_name="product",
            name="description",
            field=models.TextField(blank=True, validators=[MaxLengthValidator(20000)]),
        ),
        migrations.RemoveConstraint(model_name="product", name="product_compare_at_above_price"),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("compare_at_price__isnull", True),
                    models.Q(("compare_at_price__gt", models.F("price")), ("price__isnull", False)),
                    _connector="OR",
                ),
                name="product_compare_at_above_price",
                violation_error_message="The former price must be above the price.",
            ),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=catalog.attributes.AreAttributes("attributes"), name="product_attributes_are_plain"
            ),
        ),
    ]
