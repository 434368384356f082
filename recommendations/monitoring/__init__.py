"""Progress of the pipeline, failures and their reasons, and quality of search."""
