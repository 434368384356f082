"""Work in progress on disk: if its end is torn off, the rest is used."""

import json
import resource
from pathlib import Path

import numpy as np
import pytest

from ml.files.partial import Partial, PartialError, Row, folder_for

HEAD = {"name": "tiny", "weights_sha256": "ab", "spec": {"dimension": 4}}


def unit(count: int, start: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(start).normal(size=(count, 4)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def begun(folder: Path, count: int = 6) -> np.ndarray:
    partial = Partial(folder, HEAD, 4)
    partial.add([Row(f"{n}.jpg", "s", labels={"type": ("Shirts", 0.5)}) for n in range(count)], unit(count))
    partial.close()
    return unit(count)


def test_what_was_added_is_there_again(tmp_path: Path) -> None:
    vectors = begun(tmp_path / "p")
    partial = Partial(tmp_path / "p", HEAD, 4)
    partial.add([Row("bad.jpg", "s", code="corrupt"), Row("6.jpg", "s")], unit(1, 6))
    partial.close()
    partial = Partial(tmp_path / "p", HEAD, 4)
    assert list(partial.rows) == [*(f"{n}.jpg" for n in range(6)), "bad.jpg", "6.jpg"]
    assert tuple(partial.rows["0.jpg"].labels["type"]) == ("Shirts", 0.5)
    np.testing.assert_array_equal(partial.vectors(["6.jpg", "0.jpg", "5.jpg"]), [unit(1, 6)[0], vectors[0], vectors[5]])
    partial.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["rows.jsonl", "vectors.f32"])
@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_torn_end_is_cut_off_and_the_rest_kept(file: str, cut: int, tmp_path: Path) -> None:
    vectors = begun(tmp_path)
    torn = (tmp_path / file).read_bytes()[:-cut]
    (tmp_path / file).write_bytes(torn)
    partial = Partial(tmp_path, HEAD, 4)
    kept = len(partial.rows)
    assert kept == (len(torn) // 16 if file == "vectors.f32" else 5)
    partial.add([Row("new.jpg", "s")], unit(1, 9))
    partial.close()
    partial = Partial(tmp_path, HEAD, 4)
    names = list(partial.rows)
    assert names == [*(f"{n}.jpg" for n in range(kept)), "new.jpg"]
    np.testing.assert_array_equal(partial.vectors(names), [*vectors[:kept], unit(1, 9)[0]])
    partial.close()


def test_zeros_that_a_power_cut_left_are_not_taken_for_vectors(tmp_path: Path) -> None:
    begun(tmp_path)
    data = (tmp_path / "vectors.f32").read_bytes()
    (tmp_path / "vectors.f32").write_bytes(data[:48] + bytes(len(data) - 48))
    partial = Partial(tmp_path, HEAD, 4)
    assert list(partial.rows) == ["0.jpg", "1.jpg", "2.jpg"]
    partial.close()


def test_a_line_of_rubbish_ends_what_is_kept(tmp_path: Path) -> None:
    begun(tmp_path)
    lines = (tmp_path / "rows.jsonl").read_text().splitlines()
    lines[3] = '{"unknown": 1}'
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n")
    partial = Partial(tmp_path, HEAD, 4)
    assert list(partial.rows) == ["0.jpg", "1.jpg"]
    partial.close()


def test_the_latest_row_of_a_name_counts(tmp_path: Path) -> None:
    begun(tmp_path, 2)
    partial = Partial(tmp_path, HEAD, 4)
    partial.add([Row("0.jpg", "later")], unit(1, 5))
    partial.add([Row("1.jpg", "later", code="corrupt")], unit(0))
    assert partial.rows["0.jpg"].stamp == "later"
    np.testing.assert_array_equal(partial.vectors(["0.jpg"]), unit(1, 5))
    partial.close()


def test_another_model_is_refused_and_restart_forgets(tmp_path: Path) -> None:
    begun(tmp_path)
    before = (tmp_path / "rows.jsonl").read_bytes()
    with pytest.raises(PartialError, match=r"another model \(tiny\).*--restart"):
        Partial(tmp_path, HEAD | {"name": "other"}, 4)
    assert (tmp_path / "rows.jsonl").read_bytes() == before
    partial = Partial(tmp_path, HEAD | {"name": "other"}, 4, restart=True)
    assert partial.rows == {}
    partial.close()
    assert json.loads((tmp_path / "rows.jsonl").read_text())["name"] == "other"
    assert (tmp_path / "vectors.f32").read_bytes() == b""


def test_one_process_at_a_time(tmp_path: Path) -> None:
    partial = Partial(tmp_path, HEAD, 4)
    with pytest.raises(PartialError, match="Another process"):
        Partial(tmp_path, HEAD, 4)
    partial.close()
    Partial(tmp_path, HEAD, 4).close()


def test_a_full_disk_keeps_what_was_there_before(tmp_path: Path) -> None:
    begun(tmp_path)
    partial = Partial(tmp_path, HEAD, 4)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            partial.add([Row(f"n{n}.jpg", "s") for n in range(100)], unit(100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    partial.add([Row("after.jpg", "s")], unit(1, 3))
    partial.close()
    partial = Partial(tmp_path, HEAD, 4)
    assert list(partial.rows) == [*(f"{n}.jpg" for n in range(6)), "after.jpg"]
    np.testing.assert_array_equal(partial.vectors(["after.jpg"]), unit(1, 3))
    partial.close()


def test_it_lies_beside_the_output() -> None:
    assert folder_for(Path("a/features.npz")) == Path("a/features.npz.partial")
