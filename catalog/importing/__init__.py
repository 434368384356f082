"""Saving what `ml.files.catalog` reads as products with pictures."""
