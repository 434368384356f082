"""Download one large file: resumed after an interruption, checked against its hash, in place only when complete."""

import fcntl
import hashlib
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

Progress = Callable[[int, int | None], None]
Log = Callable[[str], None]

_CHUNK = 1 << 18
_ATTEMPTS = 3


class DownloadError(Exception):
    """Why a download failed, in one sentence that names the address."""


def fetch(
    url: str,
    destination: Path,
    *,
    md5: str,
    timeout_s: float,
    progress: Progress | None = None,
    log: Log | None = None,
) -> Path:
    """Download `url` to `destination`, unless a complete file is there already.

    An interrupted download resumes where it stopped, a few times in this call and in later calls. Other processes
    that need the same file wait. A file whose hash is not `md5` is removed, wherever it came from.

    Args:
        md5: hex digest, as Keras publishes it: it detects damage, but not an attack.
        timeout_s: seconds to connect, and to wait for each chunk; the whole download may take longer.
        progress: called with (bytes so far, total bytes or None).
        log: called with a sentence about a problem that was solved.

    Raises:
        DownloadError: unreachable, refused, interrupted too often, or not the expected file.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"{url} is not an http or https address")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with destination.with_name(destination.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if destination.exists():
                if (found := md5_of(destination)) == md5:
                    return destination
                destination.unlink()
                if log:
                    log(f"{destination} is damaged (md5 {found}, expected {md5}): removed and downloaded again")
            _download(url, destination, md5, timeout_s, progress)
            return destination
    except OSError as error:
        raise DownloadError(f"{url} could not be saved as {destination}: {error}") from error


def md5_of(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _download(url: str, destination: Path, md5: str, timeout_s: float, progress: Progress | None) -> None:
    part = destination.with_name(destination.name + ".part")
    for attempt in range(_ATTEMPTS):
        time.sleep(0.2 * attempt)
        if _continue(url, part, timeout_s, progress):
            break
    else:
        kept = part.stat().st_size if part.exists() else 0
        raise DownloadError(f"{url} broke off after {kept:,} bytes. They are kept, and the next attempt resumes there")
    if (found := md5_of(part)) != md5:
        part.unlink()
        raise DownloadError(
            f"{url} is not the expected file {destination.name}: its md5 is {found}, expected {md5}; "
            "the download was removed"
        )
    part.replace(destination)


def _continue(url: str, part: Path, timeout_s: float, progress: Progress | None) -> bool:
    """Append what is missing to `part`. Returns whether it now has the length that the server announced."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310
    try:
        response = urllib.request.urlopen(request, timeout=timeout_s)  # noqa: S310 - the scheme was checked
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # the partial file is not the start of theirs
            part.unlink(missing_ok=True)
            return False
        raise DownloadError(f"{url} answered {error.code} {error.reason}") from error
    except (OSError, HTTPException) as error:  # URLError, refused, timed out, not HTTP at all
        reason = getattr(error, "reason", None) or error
        raise DownloadError(f"{url} could not be reached: {reason or type(error).__name__}") from error
    with response:
        if response.status != 206:  # the server starts from the beginning
            have = 0
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else None
        with part.open("ab" if have else "wb") as file:
            try:
                while chunk := response.read(_CHUNK):
                    file.write(chunk)
                    have += len(chunk)
                    if progress:
                        progress(have, total)
            except (ConnectionError, TimeoutError, HTTPException):
                return False
    return total is None or have >= total
