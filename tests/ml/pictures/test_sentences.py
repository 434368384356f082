"""What people read about a file that is refused: the shop's own sentences, never those of a library."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image

from ml.pictures.codec import ImageRejected, decode
from tests.pictures import picture

SENTENCES = re.compile(
    r"The picture is damaged or incomplete\. Save it again, or choose another one\.|The file is not a picture.*"
    r"|The file is empty\.|The picture has .*|This file .*"
)


@pytest.mark.case
@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
def test_a_damaged_file_is_explained_in_the_shops_words(format: str) -> None:
    data = picture(size=(120, 160), format=format, seed=1)
    refused: list[ImageRejected] = []
    for share in (0.0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98):
        cut = data[: int(len(data) * share)]
        holed = data[: int(len(data) * share)] + b"\xff" * 40 + data[int(len(data) * share) + 40 :]
        for damaged in (cut, holed):
            try:
                decode(damaged)
            except ImageRejected as rejected:
                refused.append(rejected)
    assert len(refused) >= 3
    assert [each.message for each in refused if not SENTENCES.fullmatch(each.message)] == []
    assert all(each.logged.startswith(each.message) for each in refused)


@pytest.mark.case
def test_the_log_keeps_what_the_library_said() -> None:
    out = io.BytesIO()
    Image.effect_noise((200, 200), 80).save(out, "JPEG")
    with pytest.raises(ImageRejected) as caught:
        decode(out.getvalue()[:3000])
    assert "truncated" in caught.value.details
    assert "truncated" in caught.value.logged
    assert "truncated" not in str(caught.value)
