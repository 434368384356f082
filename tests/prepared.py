"""What takes seconds to make and comes out the same in every run: made once, kept in `.pytest_cache`, and copied."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.running import ROOT

#: All of the product's code.
SHOP = tuple(f"{package}/**/*.py" for package in ("shop", "catalog", "recommendations", "ml", "common"))
#: The installed versions, on which everything depends.
VERSIONS = ROOT / "requirements" / "dev.txt"


def prepared(config: pytest.Config, name: str, sources: Iterable[str], build: Callable[[Path], object]) -> Path:
    """A folder that `build` has filled, now or in an earlier run; several processes wait for one of them.

    Args:
        sources: patterns of the files, from the root of the repository, that decide what `build` makes. When one of
            them changes, the folder is made again.
        build: fills an empty folder. When it fails, nothing is kept.
    """
    home = config.cache.mkdir("prepared")
    folder = home / f"{name}-{_fingerprint(sources)}"
    with _locked(home / f"{name}.lock"):
        if not folder.exists():
            for stale in home.glob(f"{name}-*"):
                shutil.rmtree(stale, ignore_errors=True)
            partial = Path(tempfile.mkdtemp(prefix="partial-", dir=home))
            try:
                build(partial)
                partial.rename(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    return folder


def _fingerprint(sources: Iterable[str]) -> str:
    files = sorted({path for pattern in sources for path in ROOT.glob(pattern)} | {VERSIONS, Path(__file__)})
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(ROOT)}\n{path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
