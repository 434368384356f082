"""Pictures that do to their decoder what damaged files do to real ones: crash it, hang it, eat its memory.

No file is known that does this to the Pillow of today, so decoders are given a weakness: with `WEAKNESS` in its
environment, every Python process runs `sitecustomize.py` beside this file, and then falls ill of pictures of certain
sizes. Sizes survive what an upload does to a picture; comments do not.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.pictures import picture
from tests.poison.sitecustomize import SIZES

#: For the environment of processes.
WEAKNESS = {"PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))}


def poisoned(fault: str, *, seed: int | None = None, format: str = "JPEG") -> bytes:
    """`fault`: "segfault", "hang", "spin", "memory", or "kill" (as the kernel kills what takes too much memory). A good
    picture for processes without the weakness."""
    return picture(size=SIZES[fault], seed=seed, format=format)
