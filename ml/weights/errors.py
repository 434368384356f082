"""The one exception of this package."""


class WeightsError(Exception):
    """Weights that cannot be used: one sentence that names the file and the remedy."""
