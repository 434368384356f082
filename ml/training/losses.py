"""Losses and mining in `keras.ops`, the same on TensorFlow, PyTorch and JAX.

Labels are int32 [n]; rows with a negative label, which means "not known", are left out.
"""

from typing import Any

from keras import ops

Tensor = Any  # of the current backend
MINING = ("semi-hard", "batch-hard")
_FAR = 1e9


def squared_distances(features: Tensor) -> Tensor:
    """float [n, n] between the rows of `features` [n, d]."""
    squares = ops.sum(ops.square(features), axis=1)
    products = ops.matmul(features, ops.transpose(features))
    return ops.maximum(squares[:, None] + squares[None, :] - 2.0 * products, 0.0)


def explicit_triplet_loss(anchors: Tensor, positives: Tensor, negatives: Tensor, margin: float = 0.2) -> Tensor:
    """Mean of max(0, D(a, p) − D(a, n) + margin) over rows; D is the squared Euclidean distance.

    Schroff et al. 2015, "FaceNet", equation 2.
    """
    return ops.mean(ops.maximum(_distance(anchors, positives) - _distance(anchors, negatives) + margin, 0.0))


def triplet_accuracy(anchors: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """Share of rows with D(a, p) < D(a, n)."""
    return ops.mean(ops.cast(_distance(anchors, positives) < _distance(anchors, negatives), "float32"))


def mined_triplet_loss(features: Tensor, labels: Tensor, margin: float = 0.2, mining: str = "semi-hard") -> Tensor:
    """Triplet loss over triplets mined from the batch.

    Args:
        features: float [n, d], unit length.
        mining: "semi-hard": for every pair with equal labels, the nearest negative that is farther than the positive,
            or the farthest negative if there is none (FaceNet, section 3.2). "batch-hard": for every anchor, its
            farthest positive and its nearest negative (Hermans et al. 2017, equation 5).

    Returns:
        The mean over the pairs (semi-hard) or anchors (batch-hard) that have both; 0 if there are none.
    """
    distances = squared_distances(features)
    known = labels >= 0
    both_known = ops.logical_and(known[:, None], known[None, :])
    equal = ops.logical_and(labels[:, None] == labels[None, :], both_known)
    positive = ops.logical_and(equal, ops.logical_not(ops.eye(ops.shape(labels)[0], dtype="bool")))
    negative = ops.logical_and(labels[:, None] != labels[None, :], both_known)
    if mining == "batch-hard":
        farthest = ops.max(ops.where(positive, distances, -1.0), axis=1)
        nearest = ops.min(ops.where(negative, distances, _FAR), axis=1)
        usable = ops.logical_and(farthest >= 0.0, nearest < _FAR)
        return _mean_where(usable, ops.maximum(farthest - nearest + margin, 0.0))
    # [anchor, positive, negative]
    farther = ops.logical_and(distances[:, None, :] > distances[:, :, None], negative[:, None, :])
    nearest_farther = ops.min(ops.where(farther, distances[:, None, :], _FAR), axis=2)
    farthest_negative = ops.max(ops.where(negative, distances, -1.0), axis=1)
    chosen = ops.where(nearest_farther < _FAR, nearest_farther, farthest_negative[:, None])
    usable = ops.logical_and(positive, farthest_negative[:, None] >= 0.0)
    return _mean_where(usable, ops.maximum(distances - chosen + margin, 0.0))


def cosine_loss(features: Tensor, teacher: Tensor) -> Tensor:
    """Mean of 1 − cosine between rows; both float [n, d]."""
    return ops.mean(1.0 - ops.sum(unit(features) * unit(teacher), axis=-1))


def relational_loss(features: Tensor, teacher: Tensor, temperature: float = 0.1) -> Tensor:
    """How far the likenesses among the pictures of a batch are from the teacher's: the mean divergence between the two
    softmax distributions of each picture's cosines with the others (Fang et al. 2021, "SEED").

    Args:
        features: float [n, d].
        teacher: float [n, D]; D may differ from d.
    """
    itself = _FAR * ops.eye(ops.shape(features)[0], dtype="float32")
    mine, theirs = (ops.matmul(x, ops.transpose(x)) / temperature - itself for x in (unit(features), unit(teacher)))
    wanted = ops.softmax(theirs, axis=-1)
    differences = ops.log_softmax(theirs, axis=-1) - ops.log_softmax(mine, axis=-1)
    return ops.mean(ops.sum(ops.where(wanted > 0, wanted * differences, 0.0), axis=-1))


def cross_entropy(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean softmax cross-entropy over the rows with a known label; 0 if there are none.

    Args:
        logits: float [n, classes].
        smoothing: share of the target spread evenly over all classes.
    """
    log_probabilities = ops.log_softmax(logits, axis=-1)
    target = ops.one_hot(ops.maximum(labels, 0), logits.shape[-1])
    target = target * (1.0 - smoothing) + smoothing / logits.shape[-1]
    return _mean_where(labels >= 0, -ops.sum(target * log_probabilities, axis=-1))


def set_cross_entropy(logits: Tensor, acceptable: Tensor) -> Tensor:
    """Mean of −log(the probability of all acceptable classes together) over the rows that have any; 0 if none has.

    Args:
        logits: float [n, classes].
        acceptable: float [n, classes], 1 or 0.
    """
    probabilities = ops.sum(ops.softmax(logits, axis=-1) * acceptable, axis=-1)
    return _mean_where(ops.max(acceptable, axis=-1) > 0, -ops.log(ops.maximum(probabilities, 1e-7)))


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of the rows with a known label that have their largest logit at that label."""
    right = ops.cast(ops.argmax(logits, axis=-1), "int32") == ops.cast(labels, "int32")
    return _mean_where(labels >= 0, ops.cast(right, "float32"))


def unit(features: Tensor, axis: int = -1) -> Tensor:
    """`features` scaled to length 1 along `axis`; the floor keeps the gradient of a zero row finite."""
    return features * ops.rsqrt(ops.maximum(ops.sum(ops.square(features), axis=axis, keepdims=True), 1e-12))


def _distance(first: Tensor, second: Tensor) -> Tensor:
    return ops.sum(ops.square(first - second), axis=-1)


def _mean_where(chosen: Tensor, values: Tensor) -> Tensor:
    weights = ops.cast(chosen, values.dtype)
    return ops.sum(ops.where(chosen, values, 0.0)) / ops.maximum(ops.sum(weights), 1.0)
