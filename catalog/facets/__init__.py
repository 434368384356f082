"""Facets: reading filters from an address, applying them, and counting what each further one would leave."""
