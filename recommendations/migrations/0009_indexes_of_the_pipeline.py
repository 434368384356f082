from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Built while workers go on writing."""

    atomic = False

    dependencies = [
        ('recommendations', '0008_stage_totals_and_workers'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='imageembedding',
            index=models.Index(condition=models.Q(('state__in', ['pending', 'processing'])), fields=['model', 'created_at'], name='embedding_waiting'),
        ),
        AddIndexConcurrently(
            model_name='imageembedding',
            index=models.Index(condition=models.Q(('state', 'ready')), fields=['model', 'embedded_at'], name='embedding_done'),
        ),
        AddIndexConcurrently(
            model_name='imageembedding',
            index=models.Index(condition=models.Q(('state', 'failed')), fields=['model', 'error_code', 'id'], name='embedding_failed'),
        ),
    ]
