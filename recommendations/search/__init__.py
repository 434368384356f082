"""Searching: from a product or a photo to the products that look most like it."""
