"""Which products stand beside a product, for a photo or on the home page, and in which order."""
