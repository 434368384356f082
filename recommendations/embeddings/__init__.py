"""Storage of embeddings: rows, states, claims, indexes, and all SQL on their table."""
