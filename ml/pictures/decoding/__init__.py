"""Decoding in other processes: a file that crashes, hangs or exhausts the decoder affects nothing else.

A decoder is `python -m ml.pictures.decoding`, started on demand and kept for the next picture: starting takes 0.2 s or
more, and a picture 0.1 to 0.3 ms more than in this process. It has no secrets in its environment, a limit on its
memory, and a limit on the seconds for each picture: of processor time, and `protocol.WAIT_FACTOR` times as many on the
clock. If a failure could be due to earlier pictures (crashed, out of memory), a fresh decoder tries the picture again.
"""

import atexit
import hashlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ml.pictures import cleaning
from ml.pictures.codec import MAX_BYTES, MAX_PIXELS, Baked, Examined, ImageInfo, ImageRejected, InputSpec
from ml.pictures.decoding import protocol
from ml.pictures.decoding.gate import Busy, Gate
from ml.pictures.decoding.sizes import stated_pixels
from ml.pictures.renditions import Rendition, Renditions

logger = logging.getLogger(__name__)

TIMEOUT_S = 10.0
MEMORY_BYTES = 2**30
#: Encoding a picture again, if necessary, has separate limits.
ENCODE_TIMEOUT_S = 10.0
ENCODE_BYTES = 3 * 2**29
#: Verdicts that may be due to the machine or to the file.
PERHAPS_PASSING = frozenset({"crashed", "timeout", "out_of_memory"})

_START_S = 60.0  # on a busy machine
_END_S = 5.0
#: Larger pictures take seconds and wait in a separate queue. Phones take pictures of 12 million pixels.
LARGE_PIXELS = 16_000_000
#: The same limit in bytes, for files with an unreadable header.
LARGE_BYTES = 2 * 2**20
# A decoder is replaced after this many pictures, because codecs leak memory. Not too often: a start takes as long as a
# thousand small pictures.
_PICTURES = 10_000
_ROOT = Path(__file__).resolve().parents[3]
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


class DecoderUnavailable(Exception):
    """No decoder is free, or none can be started; the picture may be fine. The message is for the sender and has no
    details of this machine; those are in `details`."""

    def __init__(self, sentence: str, details: str = "") -> None:
        super().__init__(sentence)
        self.details = details or sentence


class DecoderBusy(DecoderUnavailable):
    """Enough requests are already waiting.

    Attributes:
        seconds: after which another try may succeed.
    """

    def __init__(self, seconds: int) -> None:
        plural = "" if seconds == 1 else "s"
        super().__init__(f"Many pictures are being processed right now. Try again in {seconds} second{plural}.")
        self.seconds = seconds


class Decoders:
    """Up to `most` decoders; safe to use from several threads.

    Attributes:
        most: pictures decoded at the same time.
    """

    def __init__(
        self, most: int, *, memory_bytes: int = MEMORY_BYTES, encode_bytes: int = ENCODE_BYTES, niceness: int = 0
    ) -> None:
        """
        Args:
            memory_bytes: the address space of each decoder, including interpreter and libraries (about 0.3 GB).
            encode_bytes: the same while it encodes.
            niceness: how far the decoders let other processes go first, 0 to 19.
        """
        self.most = most
        self._options = ("--memory-bytes", memory_bytes, "--encode-bytes", encode_bytes, "--niceness", niceness)
        self._reset()
        os.register_at_fork(after_in_child=self._reset)  # a forked process must not use the decoders of its parent
        atexit.register(self.close)

    def clean(
        self,
        data: bytes,
        *,
        timeout_s: float = TIMEOUT_S,
        encode_timeout_s: float = ENCODE_TIMEOUT_S,
        max_bytes: int = MAX_BYTES,
        max_pixels: int = MAX_PIXELS,
        client: str | None = "",
    ) -> tuple[bytes, ImageInfo]:
        """`ml.pictures.codec.clean`. One decode within `timeout_s` accepts or rejects the picture, as for `to_input`;
        the later steps have separate limits on time and memory and do not change that verdict.

        Args:
            client: see `Gate.turn`.

        Raises:
            ImageRejected: the decoder's verdict, or "timeout", "out_of_memory", "crashed".
            DecoderUnavailable
        """
        limits = {"max_bytes": max_bytes, "max_pixels": max_pixels}

        def examine(data: bytes) -> Examined:
            head, body = self._ask({"kind": "examine", "timeout_s": timeout_s, **limits}, data, client)
            stripped = data if head["same"] else bytes(body) if head["is_known"] else None
            return Examined(
                ImageInfo(**head["info"]), head["orientation"], head["pixels"], stripped, head["is_lossless"]
            )

        def bake(data: bytes, at_most: int | None) -> Baked:
            question = {"kind": "bake", "timeout_s": encode_timeout_s, "at_most": at_most, **limits}
            head, body = self._ask(question, data, client)
            return Baked(bytes(body), head["pixels"])

        cleaned, info = cleaning.clean(data, examine=examine, bake=bake)
        _log_note(info.note, data)
        return cleaned, info

    def to_input(
        self,
        data: bytes,
        spec: InputSpec,
        *,
        fitted: Callable[[float], None] = lambda _: None,
        timeout_s: float = TIMEOUT_S,
        max_bytes: int = MAX_BYTES,
        max_pixels: int = MAX_PIXELS,
        client: str | None = "",
    ) -> np.ndarray:
        """`ml.pictures.codec.to_input`, uint8 [S, S, 3].

        Args:
            fitted: called with the seconds that fitting and resizing took, after decoding.
            client: see `Gate.turn`.

        Raises:
            ImageRejected, DecoderUnavailable: as for `clean`.
        """
        question = {"kind": "to_input", "timeout_s": timeout_s, "max_bytes": max_bytes, "max_pixels": max_pixels}
        head, body = self._ask({**question, "size": spec.input_size, "fit": spec.fit}, data, client)
        fitted(head["fitted_s"])
        _log_note(head["note"], data)
        return np.frombuffer(body, np.uint8).reshape(spec.input_size, spec.input_size, 3)

    def render(self, data: bytes, *, timeout_s: float = ENCODE_TIMEOUT_S, **limits: int) -> Renditions:
        """`ml.pictures.codec.render`, for callers that wait as long as it takes.

        Raises:
            ImageRejected, DecoderUnavailable: as for `clean`.
        """
        question = {"kind": "render", "timeout_s": timeout_s, "max_bytes": MAX_BYTES, "max_pixels": MAX_PIXELS}
        head, body = self._ask({**question, **limits}, data, None)
        copies, at = [], 0
        for format_name, width, length in head["copies"]:
            copies.append(Rendition(format_name, width, bytes(body[at : at + length])))
            at += length
        return Renditions(copies, head["tone"])

    def changed_since(self, data: bytes, version: int, *, timeout_s: float = TIMEOUT_S, **limits: int) -> bool:
        """`ml.pictures.codec.changed_since`, for callers that wait as long as it takes.

        Raises:
            ImageRejected, DecoderUnavailable: as for `clean`.
        """
        question = {"kind": "changed", "timeout_s": timeout_s, "version": version}
        question |= {"max_bytes": MAX_BYTES, "max_pixels": MAX_PIXELS, **limits}
        head, _ = self._ask(question, data, None)
        return bool(head["changed"])

    def close(self) -> None:
        """End the idle decoders; new ones can be started afterwards."""
        while True:
            try:
                decoder = self._idle.pop()
            except IndexError:
                return
            decoder.end()

    def _reset(self) -> None:
        self._idle: list[_Decoder] = []
        self._gate = Gate(self.most)

    def _ask(self, question: dict[str, Any], data: bytes, client: str | None) -> tuple[dict[str, Any], memoryview]:
        """Ask a decoder, in the queue that fits the picture's header. A decoder accepts no more pixels than its queue
        is for, so a false header gains nothing."""
        pixels, most = stated_pixels(data), question["max_pixels"]
        is_small = most <= LARGE_PIXELS or (pixels <= LARGE_PIXELS if pixels is not None else len(data) <= LARGE_BYTES)
        if is_small and most > LARGE_PIXELS:
            try:
                return self._in_turn({**question, "max_pixels": LARGE_PIXELS}, data, client, large=False)
            except ImageRejected as rejected:
                if rejected.code != "too_many_pixels":
                    raise
        return self._in_turn(question, data, client, large=not is_small or most > LARGE_PIXELS)

    def _in_turn(
        self, question: dict[str, Any], data: bytes, client: str | None, *, large: bool
    ) -> tuple[dict[str, Any], memoryview]:
        try:
            with self._gate.turn(client, large=large):
                try:
                    return self._ask_one(self._idle.pop(), question, data)
                except (IndexError, _Doubtful):
                    return self._ask_one(_Decoder(*map(str, self._options)), question, data)
        except Busy as busy:
            raise DecoderBusy(busy.seconds) from busy

    def _ask_one(self, decoder: "_Decoder", question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], memoryview]:
        was_fresh = not decoder.asked
        try:
            head, body = decoder.ask(question, data)
            if head.get("code") in PERHAPS_PASSING:
                raise ImageRejected(head["code"], head["message"], head.get("details", ""))
        except ImageRejected as rejected:
            decoder.end()
            if was_fresh or rejected.code == "timeout":
                raise
            raise _Doubtful from rejected
        except BaseException:
            decoder.end()  # its answer would never be read
            raise
        if decoder.asked < _PICTURES:
            self._idle.append(decoder)
        else:
            decoder.end()
        if "code" in head:
            raise ImageRejected(head["code"], head["message"], head.get("details", ""))
        return head, body


def _log_note(note: str, data: bytes) -> None:
    if note:
        logger.info("Colours of a picture taken as sRGB: %s. sha256=%s", note, hashlib.sha256(data).hexdigest())


class _Doubtful(Exception):
    """A decoder that had decoded other pictures failed on this one."""


class _Decoder:
    """One process. Attributes: asked, the number of pictures it was given."""

    def __init__(self, *options: str) -> None:
        self.asked = 0
        self._channel, theirs = socket.socketpair()
        try:
            with theirs:
                self._process: subprocess.Popen[bytes] | None = None
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "ml.pictures.decoding", *options],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    cwd=_ROOT,
                    env=_environment(),
                )
            protocol.exactly(self._channel, len(protocol.READY), time.monotonic() + _START_S)
        except (OSError, protocol.Gone) as error:
            how = f"exit code {self._death()}" if isinstance(error, protocol.Gone) else "it does not start"
            self.end()
            raise DecoderUnavailable(
                f"Pictures cannot be decoded right now ({how}). Try again later.",
                f"No decoder could be started: {how}. {error}",
            ) from error

    def ask(self, question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], memoryview]:
        """Decode one picture. Raises ImageRejected if the decoder died or was killed, and must not be used again."""
        self.asked += 1
        seconds: float = question["timeout_s"]
        patience = protocol.WAIT_FACTOR * seconds
        deadline = time.monotonic() + patience
        try:
            protocol.send(self._channel, question, data, seconds=patience)
            return protocol.receive(self._channel, seconds=deadline - time.monotonic())
        except TimeoutError:
            raise ImageRejected("timeout", f"The picture could not be decoded within {seconds:g} seconds.") from None
        except protocol.Gone:
            raise _cause_of_death(self._death(), seconds) from None

    def end(self) -> None:
        self._channel.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _death(self) -> int:
        """The exit code of a process that has closed its end of the channel."""
        assert self._process is not None  # noqa: S101
        try:
            return self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return 1


def _cause_of_death(code: int, seconds: float) -> ImageRejected:
    if code in (-signal.SIGPROF, -signal.SIGALRM):
        return ImageRejected("timeout", f"The picture could not be decoded within {seconds:g} seconds.")
    if code == -signal.SIGKILL:  # not from this process, so from the kernel, out of memory
        return ImageRejected(
            "out_of_memory", "There is not enough memory to decode this picture: the decoder was killed."
        )
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return ImageRejected("crashed", "The picture cannot be decoded. Save it again, or choose another one.", how)


def _environment() -> dict[str, str]:
    """The environment of a decoder: without secrets, as it reads hostile bytes, and without thread pools."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    paths = [str(_ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return passed_on | {
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
