"""What other apps may listen to."""

from django.dispatch import Signal

#: Sent after the transaction that made it true has committed.
#: kwargs: image_ids (list[int]); interactive (bool): somebody is waiting, as opposed to a bulk import
images_added = Signal()

#: Somebody asked for a product's page and is about to get it.
#: kwargs: request (HttpRequest); product (Product)
product_viewed = Signal()

#: Files of pictures that were missing are there again, restored by hand or from quarantine.
#: kwargs: names (list[str])
files_returned = Signal()
