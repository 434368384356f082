from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0010_fill_search_text'),
    ]

    operations = [
        migrations.RemoveIndex(model_name='product', name='product_search'),
        migrations.RemoveField(model_name='product', name='search'),
    ]
