"""Strips: which products appear next to a product, for a photo or on the home page, and in which order."""
