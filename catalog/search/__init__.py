"""Text search: what products are indexed under, and how typed words find them."""
