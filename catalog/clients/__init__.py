"""Which client a request comes from, and how much one client may ask."""
