"""Writes to the catalog, for admin, API, importer and tests."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext

from catalog import refusals
from catalog.decoding import clean
from catalog.media import files, rollbacks
from catalog.models import Product, ProductImage
from catalog.models.image import generated_name
from catalog.signals import images_added
from common.request_ids import current_request_id
from ml.pictures.codec import ImageInfo, ImageRejected

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AcceptedImage:
    """The bytes to store, their description, and the SHA-256 of the file as sent, including its metadata."""

    data: bytes
    info: ImageInfo
    source_digest: str


class StorageUnavailable(Exception):
    """The media storage cannot store files at the moment; the message is for the uploader."""


def accept_image(data: bytes, *, door: str = refusals.UPLOAD) -> AcceptedImage:
    """Validate an uploaded picture and return the bytes to store.

    The picture is decoded completely, and metadata such as a phone's GPS position is removed.

    Args:
        door: where the picture came from, for the log.

    Raises:
        ImageRejected: with a code and a sentence for the uploader.
        DecoderUnavailable: no decoder is free or can be started.
    """
    with refusals.logged(door, data):
        cleaned, info = clean(data)
    return AcceptedImage(cleaned, info, hashlib.sha256(data).hexdigest())


def read_upload(upload: UploadedFile, *, door: str = refusals.UPLOAD) -> bytes:
    """The uploaded bytes. A file above the limit is refused before it is read into memory.

    Args:
        door: where the picture came from, for the log.

    Raises:
        ImageRejected: the file is too large.
    """
    if upload.size is not None and upload.size > settings.IMAGE_MAX_BYTES:
        limit = settings.IMAGE_MAX_BYTES / 2**20
        rejected = ImageRejected(
            "too_many_bytes",
            gettext("The file is larger than %(limit)s MB. Choose a smaller one.") % {"limit": f"{limit:g}"},
        )
        refusals.log_upload(rejected, door, upload)
        raise rejected
    return upload.read()


def store_file(data: bytes, info: ImageInfo) -> str:
    """Write an accepted picture under a generated name.

    Raises:
        StorageUnavailable: the disk is full or unavailable; no partial file remains.
    """
    name = generated_name(info.extension)
    try:
        return default_storage.save(name, ContentFile(data))
    except OSError as error:
        _discard_file(name)
        logger.error("A picture could not be stored: %s", error)
        raise StorageUnavailable(
            gettext("The picture could not be stored. Contact your shop's administrator.")
        ) from error


def _discard_file(name: str) -> None:
    """Delete a file that no row names: it was incomplete, or its row was refused."""
    try:
        default_storage.delete(name)
    except OSError as error:
        logger.warning("Could not remove %s: %s", name, error)


def add_image(*, product: Product, data: bytes, alt: str = "", door: str = refusals.UPLOAD) -> ProductImage:
    """Validate and store a picture, attach it after the product's other pictures, and notify the workers.

    Raises:
        ImageRejected: not an accepted picture, or one that the product already has ("duplicate").
        DecoderUnavailable: see `accept_image`.
        StorageUnavailable: see `store_file`.
    """
    accepted = accept_image(data, door=door)
    with refusals.logged(door, data):
        image = attach_image(product=product, accepted=accepted, alt=alt)
    announce_images([image.pk], interactive=True)
    return image


def attach_image(*, product: Product, accepted: AcceptedImage, alt: str = "") -> ProductImage:
    """The second half of `add_image`, without notifying: for callers that validate first and announce together."""
    info = accepted.info
    name = store_file(accepted.data, info)
    try:
        with transaction.atomic():
            # The lock serialises concurrent uploads, so that positions stay distinct.
            Product.objects.select_for_update().only("pk").get(pk=product.pk)
            last = product.images.aggregate(last=Max("position"))["last"]
            image = ProductImage.objects.create(
                product=product,
                file=name,
                alt=alt,
                position=0 if last is None else last + 1,
                width=info.width,
                height=info.height,
                digest=info.digest,
                source_digest=accepted.source_digest,
                request_id=current_request_id(),
            )
            rollbacks.note(name)
    except IntegrityError as error:
        _discard_file(name)
        if "image_once_per_product" in str(error):
            raise ImageRejected("duplicate", gettext("This product already has this picture.")) from error
        raise
    except BaseException:
        files.discard_rowless([name])
        raise
    return image


def announce_images(image_ids: list[int], *, interactive: bool) -> None:
    """Notify listeners after the rows are committed."""
    transaction.on_commit(
        lambda: images_added.send(ProductImage, image_ids=image_ids, interactive=interactive), robust=True
    )
