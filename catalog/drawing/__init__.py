"""A shop drawn by code: a demo catalog for those who have no product photographs at hand.

Plain Python and Pillow; nothing in here knows of Django.
"""

from .catalog import draw_catalog

__all__ = ["draw_catalog"]
