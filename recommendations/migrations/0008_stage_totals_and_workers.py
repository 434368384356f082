from django.db import migrations, models

STAGES = [('claim', 'Claim'), ('read', 'Read'), ('decode', 'Decode'), ('preprocess', 'Preprocess'), ('inference', 'Inference'), ('write', 'Write')]


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0004_image_request_id'),
        ('recommendations', '0007_pause'),
    ]

    operations = [
        migrations.CreateModel(
            name='StagePictures',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stage', models.CharField(choices=STAGES, max_length=20)),
                ('outcome', models.CharField(help_text='ok, or the code with which pictures failed here.', max_length=40)),
                ('count', models.BigIntegerField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('stage', 'outcome'), name='one_count_per_stage_and_outcome')],
            },
        ),
        migrations.CreateModel(
            name='StageTime',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stage', models.CharField(choices=STAGES, max_length=20)),
                ('le', models.FloatField(help_text='Seconds: what took longer than the next smaller one, and no longer than this.')),
                ('count', models.BigIntegerField()),
                ('seconds', models.FloatField(help_text='Of all these together.')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('stage', 'le'), name='one_time_per_stage_and_bucket')],
            },
        ),
        migrations.CreateModel(
            name='Worker',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Host and process.', max_length=200, unique=True)),
                ('started_at', models.DateTimeField()),
                ('seen_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Pipeline',
            fields=[],
            options={
                'verbose_name': 'pipeline',
                'verbose_name_plural': 'pipeline',
                'default_permissions': ('view', 'change'),
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('recommendations.imageembedding',),
        ),
        migrations.AlterField(
            model_name='imageembedding',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, help_text='When this was asked for: with the picture, its new file, or another try.'),
        ),
    ]
