"""The life of embedding models: adding, building, switching and retiring them, and the artifacts they run from."""
