"""Heads trained on fixed features."""

import numpy as np
import pytest

from ml.datasets import Sample
from ml.training.plan import make_plan


@pytest.mark.slow
def test_heads_find_what_is_in_the_features_and_colours_what_is_only_in_the_histogram():
    from ml.training.refit import Refit, refit, refit_plan
    from ml.training.validation import vectors_of

    random = np.random.default_rng(0)
    types, colours = random.integers(0, 4, 600).astype(np.int32), random.integers(0, 3, 600).astype(np.int32)
    directions = random.standard_normal((4, 2048)).astype(np.float32)
    features = {
        "pooled": np.maximum(directions[types] + random.standard_normal((600, 2048)), 0).astype(np.float32),
        "lab_histogram": np.eye(64, dtype=np.float32)[colours * 20],
    }
    samples = [Sample(f"{i}", {"type": f"t{t}", "colour": f"c{c}"}, bytes) for i, (t, c) in
               enumerate(zip(types, colours, strict=True))]  # fmt: skip
    how = Refit(epochs=12, batch=64, learning_rate=3e-3)
    plan = refit_plan(make_plan("joint", samples, dimension=32), how)
    assert [head.inputs for head in plan.heads] == [("pooled",), ("unit_pooled", "lab_histogram")]

    weights, forward = refit(plan, features, {"type": types, "colour": colours}, how)
    outputs = forward(features)
    assert (outputs["logits/type"].argmax(axis=1) == types).mean() > 0.95
    assert (outputs["logits/colour"].argmax(axis=1) == colours).mean() > 0.95
    assert weights["head_colour/kernel"].shape == (2048 + 64, 8)
    vectors = vectors_of(outputs, plan)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert plan.spec(80, "letterbox").parts[0].towards == (("type", 1.0),)

    directions = weights["labels_type/kernel"] / np.linalg.norm(weights["labels_type/kernel"], axis=0)
    certain = np.exp(outputs["logits/type"])
    moved = outputs["kind"] + certain / certain.sum(axis=1, keepdims=True) @ directions.T
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors[:, :24], moved / np.sqrt(2), atol=1e-4)
    assert plan.spec(80, "letterbox").parts[1].inputs == ("unit_pooled", "lab_histogram")
