from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('recommendations', '0003_search_health'),
    ]

    operations = [
        migrations.CreateModel(
            name='StripCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('model', models.CharField(blank=True, help_text='Name of the embedding model; empty: none.', max_length=100)),
                ('strip', models.CharField(choices=[('similar', 'Similar'), ('colour', 'Colour'), ('personal', 'Personal'), ('photo', 'Photo')], max_length=20)),
                ('source', models.CharField(max_length=20)),
                ('position', models.PositiveSmallIntegerField()),
                ('seen', models.PositiveIntegerField()),
                ('clicked', models.PositiveIntegerField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('day', 'model', 'strip', 'source', 'position'), name='one_count_per_day_and_place')],
            },
        ),
    ]
