"""Which client a request comes from, and how many requests one client may send."""
