"""Python runs this at the start of every process that has this folder in its PYTHONPATH."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

SIZES = {"segfault": (61, 83), "hang": (62, 83), "spin": (64, 83), "memory": (67, 83), "kill": (68, 83)}
MEMORY = 3 * 2**30  # more than a decoder may have, and not so much that a failing test takes the machine along


def suffer(size: tuple[int, int]) -> None:
    if size == SIZES["segfault"]:
        os.kill(os.getpid(), signal.SIGSEGV)
    elif size == SIZES["kill"]:
        os.kill(os.getpid(), signal.SIGKILL)
    elif size == SIZES["hang"]:
        time.sleep(600)
    elif size == SIZES["spin"]:
        while True:
            pass
    elif size == SIZES["memory"]:
        hoard = []
        while len(hoard) * 2**24 < MEMORY:
            hoard.append(b"\1" * 2**24)


def weaken() -> None:
    from PIL import Image

    sound = Image.open

    def weak(*args: Any, **options: Any) -> Image.Image:
        image = sound(*args, **options)
        suffer(image.size)
        return image

    Image.open = weak


if __name__ == "sitecustomize":
    weaken()
