"""PCA whitening, on vectors with a known covariance."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.__main__ import main
from ml.embedder import Embedder
from ml.files.features import Features, save
from ml.networks.whitening import CannotWhiten, fit, unit_pooled, whitened_spec
from ml.spec import ModelSpec, Part
from ml.weights import resolve
from tests.ml.conftest import draw, encode
from tests.ml.random_networks import saved

SPEC = ModelSpec("resnet50", 32, "letterbox", "avg", 2048)


def cross(*spreads: float) -> np.ndarray:
    """Two points on each axis, around (1, 2, 3, …): variance spread² · 2/(2n - 1) along each axis, no covariance."""
    axes = np.diag(spreads).astype(np.float32)
    return np.concatenate([axes, -axes]) + np.arange(1, len(spreads) + 1, dtype=np.float32)


def test_without_shrinkage_every_direction_gets_variance_1() -> None:
    points = cross(10, 1, 5, 2)
    fitted = fit(points, 4, shrinkage=0)
    white = points @ fitted.kernel + fitted.bias
    np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.cov(white.T), np.eye(4), atol=1e-4)
    assert fitted.explained == pytest.approx(1)


def test_the_widest_directions_are_kept_first() -> None:
    # Variances 200/7, 2/7, 50/7, 8/7: the two widest are axes 0 and 2, in this order.
    fitted = fit(cross(10, 1, 5, 2), 2, shrinkage=0)
    expected = np.zeros((4, 2))
    expected[0, 0], expected[2, 1] = (7 / 200) ** 0.5, (7 / 50) ** 0.5
    np.testing.assert_allclose(fitted.kernel, expected, atol=1e-5)
    np.testing.assert_allclose(fitted.bias, [-1 * (7 / 200) ** 0.5, -3 * (7 / 50) ** 0.5], atol=1e-5)
    assert fitted.explained == pytest.approx(250 / 260)


def test_full_shrinkage_is_plain_pca() -> None:
    # The mean variance is 260/28: every direction is divided by its root, so proportions stay.
    fitted = fit(cross(10, 1, 5, 2), 2, shrinkage=1)
    assert fitted.kernel[0, 0] == pytest.approx((28 / 260) ** 0.5, rel=1e-5)
    assert fitted.kernel[2, 1] == pytest.approx((28 / 260) ** 0.5, rel=1e-5)


def test_half_shrinkage_lies_between() -> None:
    fitted = fit(cross(10, 1, 5, 2), 2, shrinkage=0.5)
    assert fitted.kernel[0, 0] == pytest.approx((0.5 * 200 / 7 + 0.5 * 260 / 28) ** -0.5, rel=1e-5)


def test_too_few_vectors_are_refused_with_what_would_do() -> None:
    with pytest.raises(CannotWhiten, match=r"8 vectors are too few to keep 5 .* 10 are needed.* at most 4"):
        fit(np.eye(8, dtype=np.float32), 5)
    with pytest.raises(CannotWhiten, match="vary in 1 directions only"):
        fit(np.outer(np.arange(8), np.ones(4)).astype(np.float32), 2)


def test_only_pooled_features_are_whitened() -> None:
    colour = Part("colour", 64, ("lab_histogram",), linear=False)
    plain = replace(SPEC, parts=(Part("kind", 2048, ("pooled",), linear=False), colour), dimension=2112)
    assert whitened_spec(plain, 32).parts == (Part("kind", 32, ("unit_pooled",)), colour)
    vectors = np.concatenate([np.eye(1, 2048), np.eye(1, 64)], axis=1).astype(np.float32) * np.float32(0.5**0.5)
    np.testing.assert_allclose(unit_pooled(vectors, plain), np.eye(1, 2048), atol=1e-6)
    with pytest.raises(CannotWhiten, match="trained head"):
        whitened_spec(replace(SPEC, parts=(Part("kind", 8),), dimension=8), 4)


@pytest.mark.drill
def test_the_command_makes_a_model_whose_vectors_are_the_whitened_ones(tmp_path: Path) -> None:
    weights = saved(tmp_path / "shop.npz", SPEC)
    plain = Embedder.load(str(weights.path), cache_dir=tmp_path)
    pictures = [encode(draw(seed=seed)) for seed in range(16)]
    meta = {"name": "shop", "weights": weights.setting, "weights_sha256": weights.sha256, "spec": SPEC.to_meta()}
    names = [f"{number}.png" for number in range(16)]
    save(tmp_path / "features.npz", Features(names, vectors := plain.embed(pictures), meta))
    out = tmp_path / "whitened.npz"
    assert main(["whiten", str(tmp_path / "features.npz"), "-o", str(out), "--dimension", "8"]) == 0
    found = resolve(str(out), cache_dir=tmp_path)
    assert (found.spec.dimension, found.spec.parts) == (8, (Part("kind", 8, ("unit_pooled",)),))
    assert found.extra["training"]["whitening"]["whitened_on"] == 16
    fitted = fit(vectors, 8)
    expected = vectors @ fitted.kernel + fitted.bias
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    # float16 kernels move the features a little, and whitening enlarges that.
    ours = Embedder.load(str(out), cache_dir=tmp_path).embed(pictures)
    assert (ours * expected).sum(axis=1).min() > 0.99


@pytest.mark.slow
def test_features_of_other_weights_are_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = saved(tmp_path / "shop.npz", SPEC)
    vectors = np.eye(4, 2048, dtype=np.float32)
    meta = {"name": "shop", "weights": weights.setting, "weights_sha256": "0" * 64, "spec": SPEC.to_meta()}
    save(tmp_path / "features.npz", Features(["a", "b", "c", "d"], vectors, meta))
    assert main(["whiten", str(tmp_path / "features.npz"), "-o", str(tmp_path / "out.npz"), "--dimension", "2"]) == 2
    assert "name the same weights" in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()
