"""Features files: written and read back unchanged, never half-written, and searched exactly."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml.files.features import Features, FeaturesError, Maker, Match, Predicted, load, maker, nearest, save
from ml.spec import ModelSpec

KINDS = ("features.npz", "features.parquet")


def made(count: int, dimension: int = 4, *, seed: int = 0) -> Features:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return Features(
        names=[f"shop.zip/images/{number}.jpg" for number in range(count)],
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        meta={"name": "tiny", "spec": {"dimension": dimension}, "weights": None},
        digests=[f"{number:064x}" for number in range(count)],
        predicted={"type": Predicted(["Größe"] * count, np.linspace(0, 1, count, dtype=np.float32))},
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_what_is_read(kind: str, tmp_path: Path) -> None:
    written = made(5)
    save(tmp_path / "deep" / kind, written)
    read = load(tmp_path / "deep" / kind)
    assert (read.names, read.meta, read.digests) == (written.names, written.meta, written.digests)
    assert read.vectors.dtype == np.float32
    np.testing.assert_array_equal(read.vectors, written.vectors)
    assert read.predicted["type"].labels == ["Größe"] * 5
    np.testing.assert_array_equal(read.predicted["type"].confidences, written.predicted["type"].confidences)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == [kind]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_pictures_no_labels_and_no_digests_are_a_file_too(kind: str, tmp_path: Path) -> None:
    save(tmp_path / kind, Features([], np.zeros((0, 4), np.float32), {"spec": {"dimension": 4}}))
    read = load(tmp_path / kind)
    assert (read.names, read.vectors.shape, read.digests, dict(read.predicted)) == ([], (0, 4), [], {})


def test_parquet_has_the_columns_that_other_programs_look_for(tmp_path: Path) -> None:
    from pyarrow import parquet

    save(tmp_path / "features.parquet", made(3))
    schema = parquet.read_schema(tmp_path / "features.parquet")
    assert schema.names == ["name", "vector", "digest", "label_type", "confidence_type"]
    assert str(schema.field("vector").type) == "fixed_size_list<element: float>[4]"
    assert json.loads(schema.metadata[b"lookalike"])["name"] == "tiny"


def test_more_pictures_than_a_row_group_keep_their_order_in_parquet(tmp_path: Path) -> None:
    written = made(20_000, 2)
    save(tmp_path / "features.parquet", written)
    read = load(tmp_path / "features.parquet")
    assert read.names == written.names
    np.testing.assert_array_equal(read.vectors, written.vectors)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_named(kind: str, tmp_path: Path) -> None:
    path = tmp_path / kind
    save(path, made(50))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(FeaturesError, match=r"features.* is not a features file"):
        load(path)


@pytest.mark.parametrize(
    ("kind", "fault"),
    [(kind, fault) for kind in KINDS for fault in ("nan", "length", "dimension")] + [("features.npz", "names")],
)
def test_vectors_that_must_not_be_compared_are_refused(kind: str, fault: str, tmp_path: Path) -> None:
    good = made(3)
    vectors, names = good.vectors.copy(), good.names
    if fault == "names":
        names = names[:2]
    elif fault == "dimension":
        vectors = vectors[:, :3] / np.linalg.norm(vectors[:, :3], axis=1, keepdims=True)
    else:
        vectors[1] *= np.nan if fault == "nan" else 2
    save(tmp_path / kind, Features(names, vectors, good.meta))
    with pytest.raises(FeaturesError, match="1.jpg is not finite" if fault in ("nan", "length") else "instead of"):
        load(tmp_path / kind)


def test_a_file_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(FeaturesError, match=r"does not exist\. Make it with `python -m ml embed"):
        load(tmp_path / "features.npz")


@pytest.mark.parametrize("name", ["features.csv", "features"])
def test_a_name_of_another_kind_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(FeaturesError, match=r"must end in \.npz or \.parquet"):
        save(tmp_path / name, made(1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_parquet_without_pyarrow_says_what_to_do(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"  # as if it were not installed
        "from pathlib import Path; from ml.files import features\n"
        "try: features.check_writable(Path(sys.argv[1]))\n"
        "except features.FeaturesError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", program, tmp_path / "f.parquet"], capture_output=True, text=True)
    assert "needs pyarrow" in said.stdout
    assert ".npz" in said.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_leaves_the_file_that_was_there(kind: str, tmp_path: Path) -> None:
    save(tmp_path / kind, made(2))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            save(tmp_path / kind, made(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(load(tmp_path / kind).names) == 2
    assert [path.name for path in tmp_path.iterdir()] == [kind]


SPEC = ModelSpec("resnet50", 80, "letterbox", "avg", 2048)
META = {"name": "shop", "weights_sha256": "ab", "spec": SPEC.to_meta()}


def test_a_file_says_which_model_made_it() -> None:
    features = Features([], np.zeros((0, 2048), np.float32), META | {"weights": "shop.npz"})
    assert maker(Path("f.npz"), features) == Maker("shop", "ab", SPEC, "shop.npz")
    assert maker(Path("f.npz"), Features([], features.vectors, META)).weights is None


@pytest.mark.parametrize("change", [{"name": None}, {"weights_sha256": 5}, {"spec": 5}, {"spec": {}}, {"weights": []}])
def test_a_file_that_does_not_say_which_model_made_it_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(FeaturesError, match=r"f\.npz does not say which model made it"):
        maker(Path("f.npz"), Features([], np.zeros((0, 2048), np.float32), META | change))


@pytest.mark.parametrize("key", ["name", "weights_sha256", "spec"])
def test_what_a_file_does_not_say_is_named(key: str) -> None:
    meta = {other: value for other, value in META.items() if other != key}
    with pytest.raises(FeaturesError, match=f"missing in meta: {key}"):
        maker(Path("f.npz"), Features([], np.zeros((0, 2048), np.float32), meta))


PLANE = Features(
    names=["east", "north", "west", "also-east"],
    vectors=np.array([[1, 0], [0, 1], [-1, 0], [1, 0]], np.float32),
    meta={"spec": {"dimension": 2}},
)
EAST = np.array([1, 0], np.float32)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_nearest_first_and_equals_by_name(metric: str) -> None:
    found = nearest(PLANE, EAST, 3, metric=metric)
    assert found == [
        Match("also-east", 1.0, 0.0, 3),
        Match("east", 1.0, 0.0, 0),
        Match("north", 0.0, pytest.approx(2**0.5), 1),
    ]


def test_a_tie_at_the_end_of_the_list_goes_by_name_too() -> None:
    assert [match.name for match in nearest(PLANE, EAST, 1)] == ["also-east"]


def test_only_rows_that_are_allowed_are_found() -> None:
    found = nearest(PLANE, EAST, 9, among=np.array([False, True, True, True]))
    assert [(match.name, match.index) for match in found] == [("also-east", 3), ("north", 1), ("west", 2)]
    assert nearest(PLANE, EAST, 9, among=np.zeros(4, bool)) == []


def test_both_metrics_order_unit_vectors_alike() -> None:
    features = made(500, 8)
    query = made(1, 8, seed=1).vectors[0]
    cosine, euclidean = (nearest(features, query, 40, metric=metric) for metric in ("cosine", "euclidean"))
    assert [match.name for match in cosine] == [match.name for match in euclidean]
    assert cosine[0].score == max(features.vectors @ query)
