"""ICC profiles of colour spaces that are defined by numbers: primaries, white point and tone curve.

PNG (cICP, gAMA, cHRM) and AVIF (nclx) name such spaces without a profile. The profiles made here are version 4 display
profiles (ICC.1:2022) of about 500 bytes.
"""

import struct
from dataclasses import dataclass

import numpy as np

#: Chromaticities x, y.
D50, D65 = (0.3457, 0.3585), (0.3127, 0.3290)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_CONNECTION_WHITE = np.array([0.9642, 1.0, 0.8249])  # XYZ of the profile connection space


@dataclass(frozen=True)
class Primaries:
    """Chromaticities (x, y) of red, green, blue and white."""

    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]
    white: tuple[float, float] = D65


@dataclass(frozen=True)
class Tone:
    """Linear light of a value v, 0 to 1: (a·v + b)^gamma, and c·v below v = d."""

    gamma: float
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0


SRGB = Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
DISPLAY_P3 = Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_RGB = Primaries((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
BT2020 = Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
PROPHOTO = Primaries((0.734699, 0.265301), (0.159597, 0.840403), (0.036598, 0.000105), D50)

SRGB_TONE = Tone(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def rgb_profile(primaries: Primaries, tone: Tone, name: str) -> bytes:
    """
    Raises:
        ValueError: the chromaticities span no colour space.
    """
    columns = _to_connection_space(primaries)
    curve = _curve(tone)
    tags = [(b"wtpt", _xyz(_CONNECTION_WHITE)), (b"chad", _numbers(b"sf32", _adaptation(primaries.white)))]
    tags += [(name, _xyz(column)) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns.T, strict=True)]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    return _profile(b"RGB ", name, tags)


def grey_profile(tone: Tone, name: str) -> bytes:
    return _profile(b"GRAY", name, [(b"wtpt", _xyz(_CONNECTION_WHITE)), (b"kTRC", _curve(tone))])


def _to_connection_space(primaries: Primaries) -> np.ndarray:
    """RGB → XYZ under D50, float64 [3, 3]."""
    try:
        mixed = np.array([_of(each) for each in (primaries.red, primaries.green, primaries.blue)]).T
        scaled = mixed * np.linalg.solve(mixed, _of(primaries.white))
        found: np.ndarray = _adaptation(primaries.white) @ scaled
    except (np.linalg.LinAlgError, ZeroDivisionError) as error:
        raise ValueError("these chromaticities span no colour space") from error
    if not np.isfinite(found).all() or np.abs(found).max() > 4:
        raise ValueError("these chromaticities span no colour space")
    return found


def _adaptation(white: tuple[float, float]) -> np.ndarray:
    """XYZ under `white` → XYZ under D50, by Bradford's cone responses, as ICC requires (Annex E)."""
    ratio = (_BRADFORD @ _CONNECTION_WHITE) / (_BRADFORD @ _of(white))
    found: np.ndarray = np.linalg.inv(_BRADFORD) @ np.diag(ratio) @ _BRADFORD
    return found


def _of(chromaticity: tuple[float, float]) -> np.ndarray:
    """XYZ of luminance 1."""
    x, y = chromaticity
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _curve(tone: Tone) -> bytes:
    values = np.array([tone.gamma, tone.a, tone.b, tone.c, tone.d])
    return b"para" + struct.pack(">IHH", 0, 3, 0) + _fixed(values)


def _xyz(values: np.ndarray) -> bytes:
    return _numbers(b"XYZ ", values)


def _numbers(kind: bytes, values: np.ndarray) -> bytes:
    return kind + bytes(4) + _fixed(values)


def _fixed(values: np.ndarray) -> bytes:
    """s15Fixed16Number."""
    return np.round(values.ravel() * 65536).astype(">i4").tobytes()


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, len(encoded), 28) + encoded


def _profile(space: bytes, name: str, tags: list[tuple[bytes, bytes]]) -> bytes:
    tags = [(b"desc", _text(name)), (b"cprt", _text("No copyright, use freely")), *tags]
    return assembled(b"mntr", space, b"XYZ ", tags)


def assembled(device: bytes, space: bytes, connection: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    """A profile of these tags: the signature and the content of each. Equal contents are stored once."""
    at = 128 + 4 + 12 * len(tags)
    table, body, places = b"", b"", {}
    for signature, content in tags:
        if content not in places:
            places[content] = at + len(body)
            body += content + bytes(-len(content) % 4)
        table += signature + struct.pack(">II", places[content], len(content))
    head = bytearray(128)
    struct.pack_into(">I4sI4s4s4s", head, 0, at + len(body), bytes(4), 0x04400000, device, space, connection)
    struct.pack_into(">6H", head, 24, 2026, 1, 1, 0, 0, 0)
    head[36:40] = b"acsp"
    head[68:80] = _fixed(_CONNECTION_WHITE)
    return bytes(head) + struct.pack(">I", len(tags)) + table + body
