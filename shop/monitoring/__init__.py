"""Health pages, metrics and logs."""
