"""Pictures with known vectors: does this host compute the same as the host that made the graph?

A graph stores the vectors of three synthetic pictures, computed from its weights in floats. A host that loads the
graph runs the same pictures, in any precision, and compares: a processor, a library or memory that computes wrong
vectors is found before a single vector is stored. Three pictures take 0.04 to 0.15 s at 72 px on one core.

Smallest cosine of each picture with the bundled model, on a processor with AVX2 and without VNNI: int8 with saturating
sums .91, .89, .77; int8 with exact sums .9991, .9993, .9993.
"""

import base64
import binascii
import json
from functools import cache

import numpy as np

from ml.spec import ModelSpec
from ml.weights import BUNDLED, INPUT, VECTORS, GraphMeta, WeightsError

MIN_COSINE = 0.99  # as for int8 (`ml.runtimes.opening.MIN_INT8_COSINE`); floats of different processors agree to .99999
PICTURES = "drawn-1"  # the set of pictures; graphs store its name, so another set needs another name
COUNT = 3
_GRID = 1024  # coordinates from edge to edge, whatever the size


class WrongNumbers(WeightsError):
    """The graph gives other vectors on this host than where it was made.

    Attributes:
        cosine: the smallest cosine between its vectors and the known ones.
    """

    def __init__(self, sentence: str, cosine: float) -> None:
        super().__init__(sentence)
        self.cosine = cosine


def golden_pictures(size: int) -> np.ndarray:
    """A dress, a shoe and a bag on white, uint8 [3, size, size, 3], computed in integers, so the same on every host."""
    places = (2 * np.arange(size, dtype=np.int64) + 1) * _GRID // (2 * size)
    y, x = np.meshgrid(places, places, indexing="ij")
    return np.stack([_dress(x, y), _shoe(x, y), _bag(x, y)])


def describe(vectors: np.ndarray) -> str:
    """The text that a graph stores, with half floats, which change the cosine by 1e-7.

    Args:
        vectors: those of `golden_pictures`, [3, D], unit length.
    """
    return json.dumps({"pictures": PICTURES, "vectors": base64.b64encode(vectors.astype("<f2").tobytes()).decode()})


def known_vectors(meta: GraphMeta) -> np.ndarray | None:
    """The vectors that the graph must give, float32 [3, D]; None if it has none that this version knows.

    Raises:
        WeightsError: the stored vectors are damaged.
    """
    found = _parse(meta.golden, meta.spec) if meta.golden else None
    return _beside_bundled(meta) if found is None else found


def smallest_cosine(vectors: np.ndarray, expected: np.ndarray) -> float:
    """The smallest cosine between rows at the same position; -1 if they cannot be compared."""
    if vectors.shape != expected.shape or not np.isfinite(vectors).all():
        return -1.0
    first, second = vectors.astype(np.float64), expected.astype(np.float64)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return min(1.0, float(((first * second).sum(axis=1) / np.maximum(lengths, 1e-12)).min()))


def run(session: object, spec: ModelSpec) -> np.ndarray:
    """The vectors that an `onnxruntime.InferenceSession` gives of the golden pictures, float32 [3, D]."""
    vectors: np.ndarray = session.run([VECTORS], {INPUT: golden_pictures(spec.input_size)})[0]  # type: ignore[attr-defined]
    return vectors


def _parse(text: str, spec: ModelSpec) -> np.ndarray | None:
    try:
        told = json.loads(text)
        if told["pictures"] != PICTURES:
            return None
        vectors = np.frombuffer(base64.b64decode(told["vectors"], validate=True), "<f2")
        return vectors.reshape(COUNT, spec.dimension).astype(np.float32)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise WeightsError(
            f"The golden vectors of a graph are damaged ({error}). Copy the graph again from its source, or make it "
            "again with `python -m ml export`."
        ) from error


def _beside_bundled(meta: GraphMeta) -> np.ndarray | None:
    """The bundled graph is older than golden pictures. A file next to it stores its vectors, which also apply to
    copies of it and to graphs made from it."""
    told = _bundled().get(meta.weights_sha256)
    return _parse(told, meta.spec) if told else None


@cache
def _bundled() -> dict[str, str]:
    texts = [path.read_text() for path in sorted(BUNDLED.glob("*.golden.json"))]
    return {json.loads(text)["weights_sha256"]: text for text in texts}


def _dress(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    is_skirt = (abs(x - 512) < 90 + (y - 100) * 200 // 824) & (y > 100) & (y < 924)
    is_neck = (x - 512) ** 2 + (y - 100) ** 2 < 70**2
    return _on_white(is_skirt & ~is_neck, (190, 30, 50), (x // 40 + y // 60) % 5 == 0, x + y)


def _shoe(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    sole = (y > 640) & (y < 720) & (x > 110) & (x < 914)
    upper = ((x - 400) ** 2 * 4 + (y - 640) ** 2 * 9 < 580**2) & (y <= 640)
    toe = ((x - 680) ** 2 * 4 + (y - 640) ** 2 * 16 < 460**2) & (y <= 640)
    return _on_white(sole | upper | toe, (60, 50, 45), (x - y) % 90 < 12, x + y)


def _bag(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    body = (abs(x - 512) < 330) & (y > 420) & (y < 880)
    ring = (x - 512) ** 2 + (y - 420) ** 2
    handle = (ring < 250**2) & (ring > 200**2) & (y <= 420)
    flap = (abs(y - 560) < 14) | ((abs(x - 512) < 40) & (abs(y - 600) < 50))
    return _on_white(body | handle, (40, 90, 150), flap, x + y)


def _on_white(shape: np.ndarray, colour: tuple[int, int, int], pattern: np.ndarray, light: np.ndarray) -> np.ndarray:
    """uint8 [S, S, 3]: the shape in its colour, lighter towards the bottom right, with its pattern in a pale colour."""
    lit = np.array(colour) * (200 + light * 55 // (2 * _GRID))[..., None] // 255
    seen = np.where((shape & pattern)[..., None], 255 - lit // 2, lit)
    return np.where(shape[..., None], seen, 255).astype(np.uint8)
