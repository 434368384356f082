"""A decoder: opens hostile files for one other process, within limits, until that process ends.

Not for use by hand: standard input must be a socket.
"""

import argparse
import contextlib
import dataclasses
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml.pictures import codec
from ml.pictures.codec import ImageRejected
from ml.pictures.decoding import protocol

# The parent process kills a decoder that takes too long; this limit works if the parent is dead.
_MARGIN_S = 2.0


@dataclasses.dataclass(frozen=True)
class _Spec:
    input_size: int
    fit: str


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ml.pictures.decoding")
    parser.add_argument("--memory-bytes", type=int, required=True)
    parser.add_argument("--encode-bytes", type=int, required=True)
    parser.add_argument("--niceness", type=int, default=0)
    options = parser.parse_args()
    os.nice(options.niceness)
    channel = socket.socket(fileno=sys.stdin.fileno())
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to a whole group; the parent may still have a batch to finish
        signal.signal(number, signal.SIG_IGN)
    # After the imports, which map much memory themselves, and before the first hostile byte is parsed.
    _limit(resource.RLIMIT_AS, options.memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    with contextlib.suppress(OSError):  # if the kernel runs out of memory, it should kill this process first
        Path("/proc/self/oom_score_adj").write_text("1000")
    channel.sendall(protocol.READY)
    with contextlib.suppress(protocol.Gone):
        while True:
            question, data = protocol.receive(channel)
            # Unhandled, either signal ends the process. The limit is on processor time, so that a file gets the same
            # verdict on an idle machine and on a busy one.
            signal.setitimer(signal.ITIMER_PROF, question["timeout_s"])
            signal.setitimer(signal.ITIMER_REAL, protocol.WAIT_FACTOR * question["timeout_s"] + _MARGIN_S)
            _limit(resource.RLIMIT_AS, options.encode_bytes if question["kind"] in _ENCODE else options.memory_bytes)
            head, body = _answer(question, bytes(data))
            protocol.send(channel, head, body)
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            del data, body


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _answer(question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes | memoryview]:
    try:
        return _ANSWERS[question["kind"]](question, data)
    except ImageRejected as rejected:
        return {"code": rejected.code, "message": rejected.message, "details": rejected.details}, b""


def _limits(question: dict[str, Any]) -> dict[str, int]:
    return {"max_bytes": question["max_bytes"], "max_pixels": question["max_pixels"]}


def _to_input(question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], memoryview]:
    decoded = 0.0
    notes: list[str] = []

    def lap() -> None:
        nonlocal decoded
        decoded = time.perf_counter()

    spec = _Spec(question["size"], question["fit"])
    pixels = codec.to_input(data, spec, lap=lap, noted=notes.append, **_limits(question))
    return {"fitted_s": time.perf_counter() - decoded, "note": "".join(notes)}, pixels.data.cast("B")


def _changed(question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    return {"changed": codec.changed_since(data, question["version"], **_limits(question))}, b""


def _examine(question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    found = codec.examine(data, **_limits(question))
    is_same = found.stripped is data
    head = {
        "info": dataclasses.asdict(found.info),
        "orientation": found.orientation,
        "pixels": found.pixels,
        "is_lossless": found.is_lossless,
        "same": is_same,
        "is_known": found.stripped is not None,
    }
    return head, b"" if is_same else found.stripped or b""


def _bake(question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    baked = codec.bake(data, at_most=question["at_most"], **_limits(question))
    return {"pixels": baked.pixels}, baked.data


def _render(question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    made = codec.render(data, **_limits(question))
    copies = [(each.format, each.width, len(each.data)) for each in made.copies]
    return {"copies": copies, "tone": made.tone}, b"".join(each.data for each in made.copies)


_ANSWERS: dict[str, Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes | memoryview]]] = {
    "to_input": _to_input,
    "changed": _changed,
    "examine": _examine,
    "bake": _bake,
    "render": _render,
}
_ENCODE = {"bake", "render"}  # with their own limit on memory


if __name__ == "__main__":
    # Answers go only through the socket; what Python itself reports goes to standard error.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    main()
