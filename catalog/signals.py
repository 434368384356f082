"""Signals for other apps."""

from django.dispatch import Signal

#: Pictures were added. Sent after the commit.
#: kwargs: image_ids (list[int]); interactive (bool): a person is waiting, unlike in a bulk import
images_added = Signal()

#: A product page was requested and rendered.
#: kwargs: request (HttpRequest); product (Product)
product_viewed = Signal()

#: Missing picture files are back, restored by hand or from quarantine.
#: kwargs: names (list[str])
files_returned = Signal()
