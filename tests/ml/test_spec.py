import json
from dataclasses import replace

import pytest

from ml.spec import ModelSpec

SPEC = ModelSpec("resnet50", 80, "letterbox", "avg", 2048)


def test_a_spec_survives_its_own_json() -> None:
    assert ModelSpec.from_meta(json.loads(json.dumps(SPEC.to_meta()))) == SPEC


def test_the_metric_is_cosine_unless_the_file_says_otherwise() -> None:
    meta = {key: value for key, value in SPEC.to_meta().items() if key != "metric"}
    assert ModelSpec.from_meta(meta).metric == "cosine"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backbone": "vgg"}, "architecture must be resnet50, not 'vgg'"),
        ({"input_size": 31}, "input_size must be a whole number from 32 to 1024, not 31"),
        ({"input_size": True}, "input_size must be a whole number"),
        ({"input_size": "80"}, "input_size must be a whole number"),
        ({"fit": "crop"}, "fit must be letterbox or stretch, not 'crop'"),
        ({"pooling": "gem"}, "pooling must be avg or max, not 'gem'"),
        ({"dimension": 256}, "dimension must be 2048 for resnet50, not 256"),
        ({"metric": "dot"}, "metric must be cosine or euclidean, not 'dot'"),
    ],
)
def test_a_wrong_field_is_named_with_what_it_may_be(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SPEC, **change).validate()


def test_missing_keys_are_listed() -> None:
    with pytest.raises(ValueError, match="missing in meta: input_size, fit, pooling, dimension"):
        ModelSpec.from_meta({"architecture": "resnet50"})
