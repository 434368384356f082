"""Several models side by side, by everything that a model of this shop is measured by."""

from bench.models.table import measure

__all__ = ["measure"]
