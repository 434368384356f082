"""What other apps may listen to. Sent after the transaction that made it true has committed."""

from django.dispatch import Signal

#: kwargs: image_ids (list[int]); interactive (bool): somebody is waiting, as opposed to a bulk import
images_added = Signal()
