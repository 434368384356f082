from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('recommendations', '0005_merchandising'),
    ]

    operations = [
        migrations.AddField(
            model_name='embeddingmodel',
            name='calibration',
            field=models.JSONField(blank=True, default=dict, help_text='What its cosines mean in this shop, see `recommendations.calibration`. Empty: not yet known.'),
        ),
    ]
