"""How far the pipeline is, what failed and why, and how good the search is."""
