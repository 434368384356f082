from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0003_product_filters'),
    ]

    operations = [
        migrations.AddField(
            model_name='productimage',
            name='request_id',
            field=models.CharField(blank=True, db_default='', default='', editable=False, help_text='Of the request that uploaded it, as the log has it. Empty: by a command, or not known.', max_length=64),
        ),
    ]
