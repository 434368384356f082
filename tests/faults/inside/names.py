"""Names in every prepared shop, for both sides of a test."""

SHELF = "shelf"  # the slug of a product that uploads may go to
STAFF, PASSWORD = "staff", "shopkeeper"
TOKEN = "0" * 39 + "1"  # of the staff's API
