"""Whatever is sent, every door says the same: what is a query may be uploaded, and what is uploaded is embedded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from catalog import services
from catalog.decoding import to_input
from catalog.services import AcceptedImage
from ml import images
from ml.images import ImageRejected
from tests.odd_pictures import SECRET, odd_pictures

SPEC = SimpleNamespace(input_size=16, fit="letterbox")  # so small that JPEGs of these sizes are decoded at 1/2
REFUSALS = {"empty", "too_many_bytes", "too_many_pixels", "unsupported_format", "corrupt"}


@dataclass(frozen=True)
class Said:
    """The code of each door, "ok" for a picture that is taken."""

    query: str
    upload: str
    pipeline: str
    accepted: AcceptedImage | None


def ask(data: bytes) -> Said:
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
            to_input(accepted.data, SPEC, patient=True)
        except ImageRejected as rejected:
            pipeline = rejected.code
    return Said(query, upload, pipeline, accepted)


def faults_of(sent: bytes, accepted: AcceptedImage) -> list[str]:
    """What is wrong with the bytes that would be published."""
    stored, info = accepted.data, accepted.info
    before, after = images.decode(sent).astype(int), images.decode(stored).astype(int)
    opened, original = Image.open(BytesIO(stored)), Image.open(BytesIO(sent))
    wrong = []
    if len(stored) > len(sent):
        wrong.append(f"{len(stored)} bytes from {len(sent)}")
    if SECRET in stored or "xmp" in opened.info or not set(opened.getexif()) <= {0x0112}:
        wrong.append("metadata is left")
    if opened.info.get("icc_profile") != original.info.get("icc_profile"):
        wrong.append("the colour profile is another")
    if after.shape != before.shape or (info.height, info.width) != after.shape[:2]:
        wrong.append(f"{before.shape} became {after.shape}, said to be {info.width} by {info.height}")
    elif np.abs(before - after).mean() > (8 if _encoded_again(sent, accepted) else 0):
        wrong.append(f"the pixels differ by {np.abs(before - after).mean():.1f}")
    if services.accept_image(stored).data != stored:
        wrong.append("it is not the same when it is uploaded again")
    return wrong


def _encoded_again(sent: bytes, accepted: AcceptedImage) -> bool:
    """Whether a lossy encoder was at work: where EXIF turned the picture, and now nothing does."""
    is_lossy = accepted.info.format in ("JPEG", "WEBP")
    turned = [images.examine(data).orientation for data in (sent, accepted.data)]
    return is_lossy and turned[0] != 1 and turned[1] == 1


@pytest.mark.case
@pytest.mark.filterwarnings("ignore")
def test_two_thousand_odd_pictures_get_one_verdict_at_every_door() -> None:
    said: Counter[str] = Counter()
    wrong: dict[str, object] = {}
    for name, data in odd_pictures():
        verdict = ask(data)
        said[verdict.query] += 1
        if not verdict.query == verdict.upload == verdict.pipeline:
            wrong[name] = (verdict.query, verdict.upload, verdict.pipeline)
        elif verdict.accepted is not None and (faults := faults_of(data, verdict.accepted)):
            wrong[name] = faults
    assert not wrong
    assert set(said) <= {"ok"} | REFUSALS, "nothing here takes long, or much memory, or kills its decoder"
    assert said.total() >= 2000
    assert min(said[code] for code in ("ok", "corrupt")) > 300
