"""Vectors that were computed elsewhere come in, and the shop's own go out, as features files."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from catalog.models import Product, ProductImage
from ml.files import features
from ml.files.features import Features
from ml.pictures.codec import to_input
from ml.runtimes import BadVector
from ml.runtimes.onnx import OnnxEmbedder
from recommendations.embeddings import claims
from recommendations.lifecycle import switching
from recommendations.lifecycle.publishing import Published
from recommendations.lifecycle.vector_files import TransferError, match, model_for, store
from recommendations.models import EmbeddingModel, ImageEmbedding, ModelState
from recommendations.search.request import SearchRequest
from recommendations.search.service import find_similar
from tests.models import WIDE, Added
from tests.pictures import COLOURS, picture
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.django_db(transaction=True)


def run(command: str, *arguments: object) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(command, *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def refusal(command: str, *arguments: object) -> str:
    with pytest.raises(CommandError) as caught:
        run(command, *arguments)
    return str(caught.value)


def vectors_of(model: EmbeddingModel) -> dict[int, list[float]]:
    rows = ImageEmbedding.objects.filter(model=model, state="ready").order_by("image_id")
    return {image: np.asarray(vector, np.float16).tolist() for image, vector in rows.values_list("image_id", "vector")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight pictures as Kaggle lays them out."""
    images = tmp_path / "fashion" / "images"
    images.mkdir(parents=True)
    lines = ["id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName"]
    for number in range(8):
        shape = ["ellipse", "rectangle"][number % 2]
        data = picture(list(COLOURS)[number // 2], shape=shape, seed=number)
        (images / f"{1000 + number}.jpg").write_bytes(data)
        lines.append(f"{1000 + number},Women,Apparel,Topwear,Shirts,Red,Summer,2016,Casual,Shirt {number}")
    (tmp_path / "fashion" / "styles.csv").write_text("\n".join(lines))
    return tmp_path / "fashion"


@pytest.fixture
def shop_of(folder: Path) -> list[Product]:
    run("import_catalog", folder)
    return list(Product.objects.order_by("sku"))


def embed(weights: str, folder: Path, out: Path) -> Path:
    command = [sys.executable, "-m", "ml", "embed", str(folder), "-o", str(out), "--weights", weights]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


Computed = Callable[..., Features]


@pytest.fixture
def computed(published: dict[str, tuple[Published, Path]]) -> Computed:
    """The split model's vectors of these pictures, by name, as `python -m ml embed` makes them."""
    made, graph = published["split"]
    network = OnnxEmbedder(graph)

    def compute(pictures: dict[str, bytes], *, digests: bool = False) -> Features:
        vectors = network.embed([to_input(data, network.spec) for data in pictures.values()])
        meta = {
            "name": made.name, "source": made.source, "weights_sha256": made.weights_sha256,
            "spec": made.spec.to_meta(), "weights": made.weights,
        }  # fmt: skip
        sums = [hashlib.sha256(data).hexdigest() for data in pictures.values()] if digests else []
        return Features(list(pictures), vectors, meta, sums)

    return compute


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*.jpg"))}


@pytest.mark.slow
def test_what_the_command_line_embedded_is_served_without_computing_it_again(
    shop_of: list[Product], folder: Path, split: str, tmp_path: Path
) -> None:
    file = embed(split, folder, tmp_path / "features.parquet")
    out, err = run("import_embeddings", file, "--activate")
    assert "8 of 8 names matched (8 by checksum). 8 vectors of split written" in out
    assert "split is a new draft model" in err
    model = EmbeddingModel.objects.get()
    assert (model.name, model.state, model.dimension) == ("split", ModelState.ACTIVE, 24)
    assert set(ImageEmbedding.objects.values_list("state", "attempts")) == {("ready", 0)}, "no worker had a hand in it"

    read = features.load(file)
    row = next(i for i, name in enumerate(read.names) if name.endswith("1000.jpg"))
    scores = sorted((float(read.vectors[row] @ vector) for vector in read.vectors), reverse=True)[1:4]
    found = find_similar(shop_of[0], SearchRequest(3)).matches
    assert [match.score for match in found] == pytest.approx(scores, abs=2e-3)


@pytest.mark.slow
def test_importing_again_writes_nothing(
    shop_of: list[Product], folder: Path, tmp_path: Path, computed: Computed, added: Added
) -> None:
    added("split")
    file = tmp_path / "features.npz"
    features.save(file, computed(contents(folder)))
    out, _ = run("import_embeddings", file)
    assert "(8 by SKU). 8 vectors of split written" in out
    assert "split is ready." in out
    before = vectors_of(EmbeddingModel.objects.get())
    out, _ = run("import_embeddings", file)
    assert "0 vectors of split written; 8 pictures already had one" in out
    assert vectors_of(EmbeddingModel.objects.get()) == before


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["npz", "parquet"])
def test_what_goes_out_comes_back_the_same(
    shop_of: list[Product], folder: Path, tmp_path: Path, kind: str, added: Added
) -> None:
    Shopkeeper().image(shop_of[0], picture("black", seed=50))  # a second picture
    added("split")
    run("embedding_models", "build", "split")
    model, file = EmbeddingModel.objects.get(), tmp_path / f"out.{kind}"
    before = vectors_of(model)
    out, _ = run("export_embeddings", file, "--model", "split")
    assert out.strip() == f"{file}: 9 pictures × 24, split."
    read = features.load(file)
    assert {name.partition("/")[0] for name in read.names} == {product.sku for product in shop_of}
    assert len(set(read.names)) == 9

    ImageEmbedding.objects.all().delete()
    out, _ = run("import_embeddings", file)
    assert "9 of 9 names matched (9 by checksum). 9 vectors of split written" in out
    assert vectors_of(model) == before, "to the last bit"

    ImageEmbedding.objects.all().delete()
    features.save(file, replace(read, digests=[]))
    assert "(9 by stored file). 9 vectors" in run("import_embeddings", file)[0]
    assert vectors_of(model) == before


@pytest.mark.slow
def test_names_are_matched_however_the_pictures_came_in(transactional_db: None, tmp_path: Path) -> None:
    for kind in ("Dress", "T-Shirt"):
        for number in (1, 2):
            path = tmp_path / "photos" / kind / f"{number:04d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(seed=number + len(kind)))
    run("import_catalog", tmp_path / "photos")
    shop = Shopkeeper()
    shop.image(shop.product(sku="0001"))  # a SKU that a file's name happens to be
    pictures = contents(tmp_path / "photos")
    found = match(Features(list(pictures), np.zeros((4, 24), np.float32), {}))
    assert found.found == {"sku": 4}
    titles = ProductImage.objects.in_bulk([image for image, _ in found.images])
    owners = [titles[image].product.category.name for image, _ in found.images]
    assert owners == ["Dress", "Dress", "T-Shirt", "T-Shirt"]
    strangers = ["elsewhere/9.jpg", "0001.jpg", "/", "", "a\0b.jpg", "\udcff.jpg", "0001"]
    found = match(Features(strangers, np.zeros((7, 24), np.float32), {}))
    assert found.unmatched == ["elsewhere/9.jpg", "/", "", "a\0b.jpg", "\udcff.jpg"]
    assert len(found.images) == 1, "a picture is taken once"


@pytest.mark.slow
def test_one_picture_of_two_products_gets_its_vector_twice(
    shop_of: list[Product], folder: Path, tmp_path: Path, computed: Computed, added: Added
) -> None:
    added("split")
    twin = Shopkeeper().product(sku="twin")
    Shopkeeper().image(twin, (folder / "images" / "1000.jpg").read_bytes())
    features.save(tmp_path / "f.npz", computed(contents(folder), digests=True))
    out, _ = run("import_embeddings", tmp_path / "f.npz")
    assert "8 of 8 names matched (8 by checksum). 9 vectors of split written" in out


@pytest.mark.slow
def test_pictures_without_a_vector_are_left_to_the_workers(
    shop_of: list[Product], folder: Path, tmp_path: Path, computed: Computed, added: Added
) -> None:
    added("split")
    pictures = dict(list(contents(folder).items())[:5]) | {"images/4711.jpg": picture(seed=77)}
    features.save(tmp_path / "f.npz", computed(pictures))
    out, err = run("import_embeddings", tmp_path / "f.npz")
    assert "5 of 6 names matched" in out
    assert "split is building, 3 pictures left." in out
    assert "1 names match no picture of this shop:" in err
    assert "images/4711.jpg" in err
    assert "8 of 8" in run("embedding_models", "build", "split")[0]


@pytest.mark.slow
def test_a_vector_of_a_replaced_picture_is_not_taken(
    shop_of: list[Product], folder: Path, tmp_path: Path, computed: Computed, added: Added
) -> None:
    model = added("split")
    read = computed(contents(folder), digests=True)
    replaced, during = (ProductImage.objects.get(product=product) for product in shop_of[2:4])
    replaced.delete()
    Shopkeeper().image(shop_of[2], picture("black", seed=60))
    matched = match(read)
    assert matched.unmatched == [read.names[2]], "its SKU is right, its SHA-256 is not"
    model = switching.begin_build("split")
    ProductImage.objects.filter(pk=during.pk).update(digest="a" * 64)
    assert claims.store_known(model, matched.images, read.vectors[matched.rows]) == 6
    assert not ImageEmbedding.objects.filter(image=during).exists()


@pytest.mark.slow
def test_a_picture_whose_metadata_was_removed_is_known_by_the_file_that_was_sent(
    transactional_db: None, tmp_path: Path, computed: Computed, added: Added
) -> None:
    added("split")
    data = picture(exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0", comment=b"taken by me")
    shop = Shopkeeper()
    image = shop.image(shop.product(), data)
    assert image.digest != image.source_digest == hashlib.sha256(data).hexdigest()
    features.save(tmp_path / "f.npz", computed({"DSC_0001.jpg": data}, digests=True))
    assert "1 of 1 names matched (1 by checksum)" in run("import_embeddings", tmp_path / "f.npz")[0]


@pytest.mark.slow
def test_a_worker_that_comes_later_changes_nothing(
    shop_of: list[Product], folder: Path, tmp_path: Path, computed: Computed, added: Added
) -> None:
    added("split")
    model = switching.begin_build("split")
    claims.add_missing_rows(model)
    taken = claims.claim_batch(model, 3)
    features.save(tmp_path / "f.npz", computed(contents(folder)))
    assert "8 vectors" in run("import_embeddings", tmp_path / "f.npz")[0]
    before = vectors_of(model)
    assert claims.store_vectors(taken, np.eye(3, 24, dtype=np.float32)) == 0
    assert vectors_of(model) == before


# What is refused


@pytest.mark.slow
def test_the_pictures_of_another_shop_are_found_out(
    shop_of: list[Product], folder: Path, tmp_path: Path, computed: Computed, added: Added
) -> None:
    """The same SKUs, other pictures: a sample is embedded again."""
    added("split")
    others = {name: picture("black", shape="rectangle", seed=90 + i) for i, name in enumerate(contents(folder))}
    features.save(tmp_path / "f.npz", computed(others))
    said = refusal("import_embeddings", tmp_path / "f.npz")
    assert "sampled pictures have other vectors in the shop" in said
    assert "Nothing was imported" in said
    assert not ImageEmbedding.objects.exists()
    assert EmbeddingModel.objects.get().state == ModelState.DRAFT
    assert "8 vectors" in run("import_embeddings", tmp_path / "f.npz", "--sample", "0")[0], "who insists"


@pytest.mark.slow
def test_vectors_of_other_weights_are_refused(
    shop_of: list[Product], folder: Path, tmp_path: Path, computed: Computed, added: Added, wide: str
) -> None:
    added("wide")
    read = computed(contents(folder))
    file = tmp_path / "f.npz"
    features.save(file, read)
    said = refusal("import_embeddings", file, "--model", "wide")
    assert "were made with split" in said
    assert "not with model wide" in said
    features.save(file, replace(read, meta=read.meta | {"weights": str(tmp_path / "gone.npz")}))
    said = refusal("import_embeddings", file)
    assert "Run `manage.py embedding_models add" in said
    features.save(file, replace(read, meta=read.meta | {"weights": wide}))
    assert "now contains other weights: sha256" in refusal("import_embeddings", file)
    assert list(EmbeddingModel.objects.values_list("name", flat=True)) == ["wide"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "spoil",
    [
        lambda read: replace(read, vectors=np.where(np.arange(8)[:, None] == 3, np.nan, read.vectors)),
        lambda read: replace(read, vectors=(read.vectors * np.float32(2))),
        lambda read: replace(read, vectors=read.vectors[:, :20]),
        lambda read: replace(read, vectors=read.vectors[:7]),
    ],
    ids=["not finite", "not of length 1", "of another dimension", "too few"],
)
def test_vectors_that_no_model_makes_are_refused(
    shop_of: list[Product], folder: Path, tmp_path: Path, spoil: Callable[[Features], Features], computed: Computed
) -> None:
    file, read = tmp_path / "f.npz", spoil(computed(contents(folder)))
    arrays = {"names": np.array(read.names), "vectors": read.vectors.astype(np.float32)}
    np.savez(file, meta=np.array(json.dumps(read.meta)), **arrays)
    assert "f.npz is not a features file" in refusal("import_embeddings", file)
    assert not ImageEmbedding.objects.exists()


@pytest.mark.parametrize("sha256", [None, 5])
def test_a_file_whose_weights_have_no_checksum_is_refused(sha256: int | None) -> None:
    meta = {"name": "shop", "spec": WIDE.to_meta(), "weights_sha256": sha256}
    with pytest.raises(TransferError, match="does not name the model that made it"):
        model_for(Features([], np.zeros((0, 2048), np.float32), meta), None, print)


class Damaged:
    """A network whose weights are not what they were."""

    def embed(self, pictures: list[np.ndarray], *, views: int) -> np.ndarray:
        raise BadVector(0, "not finite, expected length 1")


def test_a_damaged_network_cannot_compare_and_nothing_is_imported(
    plane: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommendations.lifecycle.vector_files.running_network", lambda model: Damaged())
    shop = Shopkeeper()
    image = shop.image(shop.product())
    read = Features(["a.jpg"], np.eye(1, 3, dtype=np.float32), {}, [image.digest])
    with pytest.raises(TransferError, match=r"plane gives no usable vector for a\.jpg \(not finite"):
        store(read, match(read), plane)
    assert not ImageEmbedding.objects.filter(state="ready").exists()


@pytest.mark.slow
def test_files_that_cannot_be_used_are_named(shop_of: list[Product], plane: EmbeddingModel, tmp_path: Path) -> None:
    assert "absent.npz does not exist" in refusal("import_embeddings", tmp_path / "absent.npz")
    assert "must end in .npz or .parquet" in refusal("export_embeddings", tmp_path / "vectors.txt")
    assert "plane has no vectors yet" in refusal("export_embeddings", tmp_path / "f.npz")
    assert "There is no model 'x'" in refusal("export_embeddings", tmp_path / "f.npz", "--model", "x")
    assert "--sample" in refusal("import_embeddings", tmp_path / "f.npz", "--sample", "-1")
