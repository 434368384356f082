"""Words for text search in a table of their own, kept up to date by triggers; see `catalog.search.indexing`."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models

import catalog.models.synonyms
from catalog.search.defaults import SYNONYMS

TRIGGERS = """
ALTER TABLE catalog_searchtext ADD CONSTRAINT search_text_of_product
    FOREIGN KEY (product_id) REFERENCES catalog_product (id) ON DELETE CASCADE;

CREATE FUNCTION catalog_products_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_searchtext (product_id, vector) SELECT id, '' FROM added ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER products_added AFTER INSERT ON catalog_product REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_products_added();

CREATE FUNCTION catalog_product_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE catalog_searchtext SET version = 0 WHERE product_id = NEW.id AND version <> 0;
    RETURN NULL;
END $$;
CREATE TRIGGER product_changed AFTER UPDATE ON catalog_product FOR EACH ROW
    WHEN ((OLD.title, OLD.sku, OLD.gtin, OLD.brand, OLD.description, OLD.condition, OLD.size, OLD.attributes,
           OLD.category_id)
          IS DISTINCT FROM
          (NEW.title, NEW.sku, NEW.gtin, NEW.brand, NEW.description, NEW.condition, NEW.size, NEW.attributes,
           NEW.category_id))
    EXECUTE FUNCTION catalog_product_changed();

INSERT INTO catalog_searchtext (product_id, vector) SELECT id, '' FROM catalog_product;
"""
WITHOUT_TRIGGERS = """
DROP TRIGGER product_changed ON catalog_product;
DROP TRIGGER products_added ON catalog_product;
DROP FUNCTION catalog_product_changed();
DROP FUNCTION catalog_products_added();
"""


def add_synonyms(apps, schema_editor):
    synonyms = apps.get_model("catalog", "Synonyms")
    synonyms.objects.bulk_create(synonyms(words=words) for words in SYNONYMS)


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0008_words'),
    ]

    operations = [
        migrations.CreateModel(
            name='SearchText',
            fields=[
                ('product', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='search_text', serialize=False, to='catalog.product')),
                ('vector', django.contrib.postgres.search.SearchVectorField()),
                ('version', models.PositiveSmallIntegerField(db_default=0, default=0, help_text='Of catalog.search.lexemes; 0: the product has changed since.')),
            ],
            options={
                'default_permissions': (),
                'indexes': [
                    django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=['vector'], name='search_text_vector'),
                    models.Index(fields=['version'], name='search_text_version'),
                ],
            },
        ),
        migrations.CreateModel(
            name='SearchWord',
            fields=[
                ('word', models.CharField(max_length=24, primary_key=True, serialize=False)),
                ('products', models.PositiveIntegerField(help_text='How many published products contain it, roughly.')),
                ('near', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=24), help_text='The word with letters left out.', size=None)),
            ],
            options={
                'default_permissions': (),
                'indexes': [
                    django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=['near'], name='search_word_near'),
                ],
            },
        ),
        migrations.CreateModel(
            name='SearchMiss',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(verbose_name='day')),
                ('words', models.CharField(max_length=100, verbose_name='words')),
                ('searches', models.PositiveIntegerField(default=1, verbose_name='searches')),
            ],
            options={
                'verbose_name': 'search without results',
                'verbose_name_plural': 'searches without results',
                'default_permissions': ('view',),
                'constraints': [
                    models.UniqueConstraint(fields=('day', 'words'), name='one_count_per_day_and_words'),
                ],
            },
        ),
        migrations.CreateModel(
            name='Synonyms',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('words', models.CharField(help_text='Words or expressions with the same meaning, separated by commas: “trousers, pants”. A search for one also finds the others, after products with the word itself.', max_length=500, validators=[catalog.models.synonyms.validate_synonyms], verbose_name='words')),
            ],
            options={
                'verbose_name': 'synonyms',
                'verbose_name_plural': 'synonyms',
                'ordering': ['words', 'id'],
            },
        ),
        migrations.RunPython(add_synonyms, migrations.RunPython.noop),
        migrations.RunSQL(TRIGGERS, WITHOUT_TRIGGERS),
    ]
