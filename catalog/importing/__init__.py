"""Reading catalogs that others made: a folder or a zip, in the Kaggle layout or one folder per class."""
