"""Pictures and artifacts in a bucket of an S3-compatible store, shared by the hosts of a larger shop.

The bucket stays private. Pages still link to `/media/…`, and web processes fetch the files, so pictures keep their
headers and browsers never contact the store.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.utils.encoding import filepath_to_uri
from storages.backends.s3 import S3Storage

CONNECTIONS = 32  # at once, per process


class S3Media(S3Storage):
    """Raises the errors of a file system: `FileNotFoundError` for a missing file, and `ConnectionError` if the store is
    unreachable, refuses access or has no such bucket. Neither counts as an error of the picture."""

    def get_default_settings(self) -> dict[str, Any]:
        return {
            **super().get_default_settings(),
            "file_overwrite": True,  # names are generated and never reused: no need to check first
            "transfer_config": TransferConfig(use_threads=False),
            "client_config": Config(
                connect_timeout=5,
                read_timeout=20,
                retries={"mode": "standard", "max_attempts": 3},
                max_pool_connections=CONNECTIONS,
                # Stores other than Amazon's do not support checksums; ours are in the database.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        }

    def url(self, name: str, *_: Any, **__: Any) -> str:
        return urljoin(settings.MEDIA_URL, filepath_to_uri(name))

    def _open(self, name: str, mode: str = "rb") -> File:
        """One request, by a client that threads share; `S3File` makes two requests and a client for each thread."""
        with _file_errors(name):
            found = self.bucket.meta.client.get_object(Bucket=self.bucket_name, Key=self._normalize_name(name))
            return ContentFile(found["Body"].read(), name)

    def _save(self, name: str, content: File) -> str:
        with _file_errors(name):
            return super()._save(name, content)

    def delete(self, name: str) -> None:
        with _file_errors(name):
            super().delete(name)

    def move(self, old: str, new: str) -> None:
        """Within the bucket: the store copies the file, so its bytes do not pass through this process."""
        source, target = self._normalize_name(old), self._normalize_name(new)
        with _file_errors(old):
            self.bucket.meta.client.copy_object(
                Bucket=self.bucket_name, Key=target, CopySource={"Bucket": self.bucket_name, "Key": source}
            )
        self.delete(old)

    def exists(self, name: str) -> bool:
        with _file_errors(name):
            return super().exists(name)

    def size(self, name: str) -> int:
        with _file_errors(name):
            return super().size(name)

    def listdir(self, name: str) -> tuple[list[str], list[str]]:
        with _file_errors(name):
            return super().listdir(name)

    def get_modified_time(self, name: str) -> Any:
        with _file_errors(name):
            return super().get_modified_time(name)


@contextmanager
def _file_errors(name: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        absent = error.response.get("Error", {}).get("Code") in {"404", "NoSuchKey", "NotFound"}
        if absent:
            raise FileNotFoundError(errno.ENOENT, "Not in the bucket", name) from error
        raise ConnectionError(f"The media store refused the request: {error}") from error
    except (Boto3Error, BotoCoreError) as error:
        raise ConnectionError(f"The media store does not answer: {error}") from error
