import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('recommendations', '0009_indexes_of_the_pipeline'),
    ]

    operations = [
        migrations.CreateModel(
            name='Refusal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('host', models.CharField(max_length=200)),
                ('reason', models.TextField()),
                ('seen_at', models.DateTimeField()),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='refusals', to='recommendations.embeddingmodel')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('host', 'model'), name='one_refusal_a_host_and_model')],
            },
        ),
    ]
