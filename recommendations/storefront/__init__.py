"""Photo search and reports of clicks, for shoppers."""
