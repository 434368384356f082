from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from common.files import replacing, sha256_of


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_when_the_block_ends_and_no_sooner(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "new folder" / "vectors.npz"
    for content in (b"first", b"second, which is longer"):
        before = path.read_bytes() if path.exists() else None
        with replacing(path, durable=durable) as draft:
            assert draft.name == path.name
            draft.write_bytes(content)
            assert (path.read_bytes() if path.exists() else None) == before
        assert path.read_bytes() == content
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_an_error_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npz"
    path.write_bytes(b"first")
    with pytest.raises(RuntimeError), replacing(path) as draft:  # noqa: PT012
        draft.write_bytes(b"half of the sec")
        raise RuntimeError
    with pytest.raises(FileNotFoundError), replacing(path):
        pass  # nothing was written
    assert path.read_bytes() == b"first"
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError), replacing(tmp_path / "file" / "vectors.npz"):  # noqa: PT011  (NotADirectory or Exists)
        pytest.fail("the block must not begin")


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npz"
    path.write_bytes(b"some bytes")
    assert sha256_of(path) == hashlib.sha256(b"some bytes").hexdigest()
