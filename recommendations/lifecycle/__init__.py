"""Which model makes embeddings: adding, building, switching and retiring models, and the files they run from."""
