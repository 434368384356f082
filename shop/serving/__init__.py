"""`python -m shop web`: gunicorn's threads, kept free from clients that send or read slowly."""
