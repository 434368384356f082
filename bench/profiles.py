"""Colour profiles to measure and test with, made here from numbers; no profile of a third party is needed."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from io import BytesIO
from itertools import product

import numpy as np
from PIL import Image, ImageCms

from ml.pictures import matrix_profiles
from ml.pictures.matrix_profiles import SRGB_TONE, Tone, assembled, grey_profile, rgb_profile

#: Linear light that a full layer of each ink lets through, red, green and blue.
_INKS = {"cyan": (0.01, 0.72, 0.98), "magenta": (0.95, 0.01, 0.55), "yellow": (1.0, 0.95, 0.01), "black": (0.05,) * 3}
_GRID_OF_INK, _GRID_OF_LAB = 17, 33
_TO_XYZ = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]])  # sRGB under D50
_WHITE = np.array([0.9642, 1.0, 0.8249])


#: Name → Pillow's mode, and how the profile is made.
PROFILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "Display P3": ("RGB", lambda: rgb_profile(matrix_profiles.DISPLAY_P3, SRGB_TONE, "Display P3")),
    "Adobe RGB": ("RGB", lambda: rgb_profile(matrix_profiles.ADOBE_RGB, Tone(563 / 256), "Adobe RGB")),
    "ProPhoto": ("RGB", lambda: rgb_profile(matrix_profiles.PROPHOTO, Tone(1.8), "ProPhoto")),
    "BT.2020": ("RGB", lambda: rgb_profile(matrix_profiles.BT2020, Tone(2.4), "BT.2020")),
    "CMYK": ("CMYK", lambda: cmyk_profile()),
    "grey, gamma 1.8": ("L", lambda: grey_profile(Tone(1.8), "Grey 1.8")),
    "grey, gamma 2.2": ("L", lambda: grey_profile(Tone(2.2), "Grey 2.2")),
}


def made(name: str) -> tuple[str, bytes]:
    """Pillow's mode, and the profile. That of print takes a second, once."""
    mode, make = PROFILES[name]
    return mode, make()


def labelled(image: Image.Image, mode: str, profile: bytes, format: str, **options: object) -> bytes:
    """The sRGB picture, converted to a profile as an image editor does, and saved with it."""
    srgb = ImageCms.createProfile("sRGB")
    read = ImageCms.ImageCmsProfile(BytesIO(profile))
    converted = ImageCms.profileToProfile(
        image.convert("RGB"),
        srgb,
        read,
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode=mode,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None  # it is None only if done in place
    file = BytesIO()
    converted.save(file, format, icc_profile=profile, **options)
    return file.getvalue()


@cache
def cmyk_profile() -> bytes:
    """Of four inks by Neugebauer's equations: the paper, single layers and overprints, weighted by the area that each
    covers. Black replaces the other inks in dark colours."""
    steps = np.linspace(0, 1, _GRID_OF_INK)
    inks = np.stack(np.meshgrid(*[steps] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    to_lab = _lut(4, 3, _GRID_OF_INK, _lab_codes(_lab(_printed(inks))))
    axis = np.linspace(0, 65535, _GRID_OF_LAB)
    lab = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    from_lab = _lut(3, 4, _GRID_OF_LAB, np.round(_separated(_from_codes(lab)) * 65535))
    tags = [(b"A2B%d" % intent, to_lab) for intent in range(3)] + [(b"B2A%d" % intent, from_lab) for intent in range(3)]
    white = b"XYZ " + bytes(4) + np.round(_WHITE * 65536).astype(">i4").tobytes()
    return assembled(b"prtr", b"CMYK", b"Lab ", [*tags, (b"wtpt", white)])


def _printed(inks: np.ndarray) -> np.ndarray:
    """Coverages [n, 4], 0 to 1 → linear sRGB [n, 3]."""
    light = np.array([*_INKS.values()])
    total = np.zeros((len(inks), 3))
    for layers in product((0, 1), repeat=4):
        on = np.array(layers, bool)
        covered = np.where(on, inks, 1 - inks).prod(axis=1)
        total += covered[:, None] * np.where(on[:, None], light, 1.0).prod(axis=0)
    return total


def _separated(lab: np.ndarray) -> np.ndarray:
    """Lab [n, 3] → the coverages that come nearest, [n, 4], by Gauss-Newton steps on cyan, magenta and yellow."""
    wanted = np.clip(_linear(lab), 0.0, 1.0)
    black = np.clip((50 - lab[:, 0]) / 50, 0, 1) ** 1.5
    inks = np.column_stack([1 - wanted, black])
    for _ in range(25):
        printed, small = _printed(inks), 1e-4
        slopes = np.stack([(_printed(inks + small * np.eye(4)[ink]) - printed) / small for ink in range(3)], axis=2)
        square = slopes.transpose(0, 2, 1) @ slopes + 1e-5 * np.eye(3)
        step = np.linalg.solve(square, slopes.transpose(0, 2, 1) @ (wanted - printed)[..., None])[..., 0]
        inks[:, :3] = np.clip(inks[:, :3] + np.clip(step, -0.3, 0.3), 0, 1)
    return inks


def _lab(linear: np.ndarray) -> np.ndarray:
    ratio = linear @ _TO_XYZ.T / _WHITE
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = root.T
    return np.column_stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _linear(lab: np.ndarray) -> np.ndarray:
    y = (lab[:, 0] + 16) / 116
    root = np.column_stack([y + lab[:, 1] / 500, y, y - lab[:, 2] / 200])
    ratio = np.where(root > 6 / 29, root**3, 3 * (6 / 29) ** 2 * (root - 4 / 29))
    return ratio * _WHITE @ np.linalg.inv(_TO_XYZ).T


def _lab_codes(lab: np.ndarray) -> np.ndarray:
    """As lut16Type stores Lab: 100 is 0xFF00, and a and b are moved by 128."""
    return np.round(np.column_stack([lab[:, 0] * 652.8, (lab[:, 1:] + 128) * 256])).clip(0, 65535)


def _from_codes(codes: np.ndarray) -> np.ndarray:
    return np.column_stack([codes[:, 0] / 652.8, codes[:, 1:] / 256 - 128])


def _lut(inputs: int, outputs: int, grid: int, table: np.ndarray) -> bytes:
    """lut16Type with straight curves."""
    head = b"mft2" + bytes(4) + bytes([inputs, outputs, grid, 0])
    head += np.round(np.eye(3).ravel() * 65536).astype(">i4").tobytes() + struct.pack(">HH", 2, 2)
    straight = struct.pack(">HH", 0, 65535)
    return head + straight * inputs + table.astype(">u2").tobytes() + straight * outputs
