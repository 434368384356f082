"""Reading catalogs that others made: a folder or a zip with a table of products, in Kaggle's layout or with one folder
per class."""
