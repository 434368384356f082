"""What is stored: the rows of embeddings, their states and their indexes."""
