"""What the migration of a next release does at worst: it holds the busiest table for a while."""

from django.db import migrations

ADD = "ALTER TABLE recommendations_imageembedding ADD COLUMN colour_of_next_release text NOT NULL DEFAULT 'none'"


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0001_initial")]
    operations = [migrations.RunSQL([ADD, "SELECT pg_sleep(2)"])]
