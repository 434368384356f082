import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('recommendations', '0002_model_spec_and_weights'),
    ]

    operations = [
        migrations.CreateModel(
            name='SearchHealth',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('measured_at', models.DateTimeField(auto_now_add=True)),
                ('lowest', models.FloatField(help_text='The lowest recall of all filters, 0 to 1.')),
                ('report', models.JSONField(help_text='As `check_recall --json` writes it.')),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='checks', to='recommendations.embeddingmodel')),
            ],
            options={
                'verbose_name': 'check of the search',
                'verbose_name_plural': 'checks of the search',
                'indexes': [models.Index(fields=['model', '-id'], name='search_health_latest')],
            },
        ),
    ]
