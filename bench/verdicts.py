"""Every file in a folder through query, upload and pipeline: do their verdicts agree, and is the published file clean?
Meant for the test pictures of other projects, which contain files that a shop rarely meets."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from catalog import services
from catalog.decoding import to_input
from catalog.services import AcceptedImage
from ml.pictures import codec
from ml.pictures.codec import ImageRejected
from ml.pictures.colours import colours_of

SPEC = SimpleNamespace(
    input_size=16, fit="letterbox"
)  # so small that most JPEGs are decoded at a fraction of their size
ORIENTATION = 0x0112
_LOSSY = 4.0  # mean difference, of 255, allowed for an encoder that rotated the picture


@dataclass(frozen=True)
class Said:
    """The code from each of the three, "ok" for an accepted picture."""

    query: str
    upload: str
    pipeline: str
    accepted: AcceptedImage | None

    @property
    def is_one(self) -> bool:
        return self.query == self.upload == self.pipeline


def ask(data: bytes) -> Said:
    """The verdicts of query and upload on the file, and of the pipeline on the file that the upload would store."""
    query = upload = pipeline = "ok"
    accepted = None
    try:
        to_input(data, SPEC)
    except ImageRejected as rejected:
        query = rejected.code
    try:
        accepted = services.accept_image(data)
    except ImageRejected as rejected:
        upload = pipeline = rejected.code
    if accepted is not None:
        try:
            to_input(accepted.data, SPEC)
        except ImageRejected as rejected:
            pipeline = rejected.code
    return Said(query, upload, pipeline, accepted)


def faults_of(sent: bytes, accepted: AcceptedImage, *, is_damaged: bool, secret: bytes = b"") -> list[str]:
    """The faults of the bytes that would be published.

    Args:
        is_damaged: the container may be one that only encoding again makes whole.
        secret: what the metadata says.
    """
    stored, info = accepted.data, accepted.info
    before, after = codec.decode(sent).astype(int), codec.decode(stored).astype(int)
    opened, original = Image.open(BytesIO(stored)), Image.open(BytesIO(sent))
    wrong = []
    if len(stored) > len(sent):
        wrong.append(f"{len(stored)} bytes from {len(sent)}")
    if (secret and secret in stored) or "xmp" in opened.info or not set(opened.getexif()) <= {ORIENTATION}:
        wrong.append("metadata is left")
    if colours_of(opened, stored).profile != colours_of(original, sent).profile:
        wrong.append("the colour profile is another")
    if after.shape != before.shape or (info.height, info.width) != after.shape[:2]:
        wrong.append(f"{before.shape} became {after.shape}, said to be {info.width} by {info.height}")
    elif np.abs(before - after).mean() > (_LOSSY if is_damaged or _was_turned(sent, accepted) else 0):
        wrong.append(f"the pixels differ by {np.abs(before - after).mean():.1f}")
    return wrong


def _was_turned(sent: bytes, accepted: AcceptedImage) -> bool:
    """Whether a lossy encoder was used: EXIF rotated the picture, and now nothing does."""
    is_lossy = accepted.info.format in ("JPEG", "WEBP")
    turned = [codec.examine(data).orientation for data in (sent, accepted.data)]
    return is_lossy and turned[0] != 1 and turned[1] == 1


def measure(folders: Iterable[Path]) -> None:
    """Check every file below the folders and print the verdicts; exits with 1 if they disagree."""
    warnings.simplefilter("ignore")
    logging.getLogger("catalog.refusals").setLevel(logging.WARNING)
    said: Counter[str] = Counter()
    wrong = kept = 0
    began = shown = time.monotonic()
    for path in _files(folders):
        data = path.read_bytes()
        verdict = ask(data)
        said[verdict.query] += 1
        problems = (
            [] if verdict.is_one else [f"query {verdict.query}, upload {verdict.upload}, then {verdict.pipeline}"]
        )
        if verdict.is_one and verdict.accepted is not None:
            kept += verdict.accepted.data is data
            problems = faults_of(data, verdict.accepted, is_damaged=codec.examine(data).stripped is None)
        for problem in problems:
            print(f"{path}: {problem}")
        wrong += bool(problems)
        if time.monotonic() - shown > 2:
            shown = time.monotonic()
            print(f"{said.total():,} files …", file=sys.stderr)
    print(f"{said.total():,} files in {time.monotonic() - began:.0f} s; {wrong} with two verdicts or a fault.")
    print(f"Accepted {said['ok']:,}, of which {kept:,} are stored byte for byte.")
    for code, count in said.most_common():
        if code != "ok":
            print(f"Refused as {code}: {count:,}")
    sys.exit(1 if wrong or not said else 0)


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else [folder]
