"""What the admin adds to Django and Unfold, whatever is registered."""
