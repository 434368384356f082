"""Redis as a cache, and buckets for pictures and networks."""
