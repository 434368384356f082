"""Catalog files: tables, Kaggle's layout and class folders, in a folder or a zip file.

`opening.open_catalog` is the way in. The shop imports what it reads; training and `python -m ml` learn from it.
"""
