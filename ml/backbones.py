"""From weights to a network: uint8 pictures in, unit vectors out."""

from typing import TYPE_CHECKING, Any

from ml.weights import Weights, WeightsError, read_variables

if TYPE_CHECKING:
    import keras

# ImageNet's mean in blue, green, red: Keras's "caffe" preprocessing, which ResNet50 v1 was trained with.
_MEAN_BGR = (103.939, 116.779, 123.68)


def build(weights: Weights) -> "keras.Model":
    """The whole way from pixels to vector as one Keras graph of plain layers and operations.

    Args:
        weights: as `ml.weights.resolve` returns them.

    Returns:
        A model uint8 [N, S, S, 3] RGB → float32 [N, D], each row of length 1.

    Raises:
        WeightsError: the file is gone, damaged or of another network.
    """
    import keras

    spec = weights.spec
    pictures = keras.Input((spec.input_size, spec.input_size, 3), dtype="uint8", name="pictures")
    core = keras.applications.ResNet50(
        include_top=False,
        weights=None,
        input_shape=(spec.input_size, spec.input_size, 3),
        pooling=spec.pooling,
    )
    _load(core, weights)
    vectors = keras.layers.UnitNormalization(name="unit_vectors")(core(_preprocess(pictures)))
    model = keras.Model(pictures, vectors, name=spec.backbone)
    model.trainable = False
    return model


def _preprocess(pictures: Any) -> Any:
    """uint8 RGB → float32 BGR minus the mean; what `keras.applications.resnet50.preprocess_input` does."""
    from keras import layers, ops

    bgr = ops.take(ops.cast(pictures, "float32"), [2, 1, 0], axis=-1)
    return layers.Rescaling(1.0, offset=[-mean for mean in _MEAN_BGR], name="minus_mean")(bgr)


def _load(core: "keras.Model", weights: Weights) -> None:
    if weights.path is None or weights.path.suffix == ".npz":
        arrays = read_variables(weights)
        for variable in core.weights:
            variable.assign(arrays[variable.path])
        return
    try:
        core.load_weights(weights.path)
    except (OSError, ValueError, KeyError) as error:
        first_line = str(error).strip().split("\n")[0]
        raise WeightsError(
            f"Weights file {weights.path} does not hold ResNet50 without its top ({first_line}). "
            "Use Keras's '…_notop.h5', or save_weights of ResNet50(include_top=False)."
        ) from error
