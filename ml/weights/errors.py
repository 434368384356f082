"""The one exception of this package."""


class WeightsError(Exception):
    """Weights cannot be used. The message names the file and the remedy."""
