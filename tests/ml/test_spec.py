import json
from dataclasses import replace

import pytest

from ml.spec import LabelTask, ModelSpec, Part

SPEC = ModelSpec("resnet50", 80, "letterbox", "avg", 2048)
SPLIT = replace(
    SPEC,
    dimension=256,
    parts=(Part("kind", 192, towards=(("type", 0.5),)), Part("colour", 64, ("lab_histogram",), linear=False)),
    labels=(LabelTask("type", "kind", ("dress", "shoe")),),
)


@pytest.mark.parametrize("spec", [SPEC, SPLIT, replace(SPEC, backbone="inception_v3", pooling="gem")])
def test_a_spec_survives_its_own_json(spec: ModelSpec) -> None:
    assert ModelSpec.from_meta(json.loads(json.dumps(spec.to_meta()))) == spec


def test_parts_and_labels_are_named_only_where_there_are_any() -> None:
    assert not {"parts", "labels"} & SPEC.to_meta().keys()
    assert SPLIT.to_meta()["parts"][1] == {
        "name": "colour",
        "dimension": 64,
        "inputs": ["lab_histogram"],
        "linear": False,
    }
    assert SPLIT.to_meta()["parts"][0]["towards"] == {"type": 0.5}
    assert SPLIT.to_meta()["labels"] == [{"name": "type", "source": "kind", "names": ["dress", "shoe"]}]


def test_the_metric_is_cosine_unless_the_file_says_otherwise() -> None:
    meta = {key: value for key, value in SPEC.to_meta().items() if key != "metric"}
    assert ModelSpec.from_meta(meta).metric == "cosine"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"backbone": "vgg"},
            "architecture must be resnet50 or inception_v3 or efficientnet_lite0 or efficientnet_lite2, not 'vgg'",
        ),
        ({"input_size": 31}, "input_size must be a whole number from 32 to 1024, not 31"),
        ({"input_size": True}, "input_size must be a whole number"),
        ({"input_size": "80"}, "input_size must be a whole number"),
        ({"fit": "crop"}, "fit must be letterbox or stretch, not 'crop'"),
        ({"backbone": "inception_v3", "input_size": 74}, "input_size must be a whole number from 75 to 1024, not 74"),
        ({"pooling": "median"}, "pooling must be avg or max or gem, not 'median'"),
        ({"dimension": 256}, "dimension must be 2048 for resnet50, not 256"),
        ({"metric": "dot"}, "metric must be cosine or euclidean, not 'dot'"),
    ],
)
def test_a_wrong_field_is_named_with_what_it_may_be(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SPEC, **change).validate()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dimension": 2048}, "dimension must be 256 for the parts together, not 2048"),
        ({"parts": (Part("kind", 128), Part("kind", 128))}, "part kind appears twice"),
        ({"parts": (Part("Kind", 256),)}, "a part's name must be lower-case"),
        ({"parts": (Part("kind", 0),)}, "dimension of part kind must be a positive whole number"),
        ({"parts": (Part("kind", 256, ("pixels",)),)}, "inputs of part kind must be among pooled, unit_pooled"),
        ({"parts": (Part("kind", 256, linear=False),)}, "dimension of part kind must be 2048, as it has no kernel"),
        (
            {"labels": (LabelTask("type", "colour", ("a", "b")),)},
            "part kind can only move towards label tasks that",
        ),
        (
            {"parts": (Part("kind", 192, towards=(("type", 0.0),)), SPLIT.parts[1])},
            "part kind must move towards type by a positive number, not 0.0",
        ),
        ({"labels": (LabelTask("type", "colours", ("a", "b")),)}, "source of labels type must be pooled or kind"),
        ({"labels": (LabelTask("type", "kind", ("a",)),)}, "labels type must name at least two classes"),
        ({"labels": (LabelTask("type", "kind", ("a", "a")),)}, "class of type a appears twice"),
    ],
)
def test_a_wrong_part_or_label_is_named(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SPLIT, **change).validate()


def test_parts_that_are_no_parts_are_a_clear_error() -> None:
    with pytest.raises(ValueError, match="parts or labels in meta are invalid"):
        ModelSpec.from_meta(SPLIT.to_meta() | {"parts": [{"name": "kind"}]})


def test_a_part_moves_towards_named_tasks() -> None:
    parts = [SPLIT.to_meta()["parts"][0] | {"towards": ["type"]}, SPLIT.to_meta()["parts"][1]]
    with pytest.raises(ValueError, match="parts or labels in meta are invalid"):
        ModelSpec.from_meta(SPLIT.to_meta() | {"parts": parts})


@pytest.mark.parametrize("inputs", [[["pooled"]], [{}], [None]])
def test_inputs_that_are_no_names_are_a_clear_error(inputs: list[object]) -> None:
    parts = [SPLIT.to_meta()["parts"][0] | {"inputs": inputs}]
    with pytest.raises(ValueError, match="inputs of part kind must be among pooled"):
        ModelSpec.from_meta(SPLIT.to_meta() | {"parts": parts})


def test_missing_keys_are_listed() -> None:
    with pytest.raises(ValueError, match="missing in meta: input_size, fit, pooling, dimension"):
        ModelSpec.from_meta({"architecture": "resnet50"})


def test_directions_are_the_same_in_any_order() -> None:
    one, other = (Part("kind", 8, towards=towards) for towards in ((("b", 1.0), ("a", 0.2)), (("a", 0.2), ("b", 1.0))))
    assert one == other
