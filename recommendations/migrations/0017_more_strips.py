from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0016_bundled_models")]

    operations = [
        migrations.AlterField(
            model_name="stripcount",
            name="strip",
            field=models.CharField(
                choices=[
                    ("similar", "Similar"),
                    ("colour", "Colour"),
                    ("cheaper", "Cheaper"),
                    ("refined", "Refined"),
                    ("personal", "Personal"),
                    ("photo", "Photo"),
                ],
                max_length=20,
            ),
        ),
    ]
