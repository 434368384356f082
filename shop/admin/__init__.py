"""Additions to Django's and Unfold's admin, for every registered model."""
