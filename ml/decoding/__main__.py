"""A decoder: opens hostile files for one other process, within limits, until that process goes away.

Not for hand use: standard input must be a socket.
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
from pathlib import Path
from typing import Any

from ml import images
from ml.decoding import protocol
from ml.images import ImageRejected

# The process that asks kills a decoder that takes too long; should it be dead itself, this does.
_MARGIN_S = 2.0


@dataclasses.dataclass(frozen=True)
class _Spec:
    input_size: int
    fit: str


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ml.decoding")
    parser.add_argument("--memory-bytes", type=int, required=True)
    options = parser.parse_args()
    channel = socket.socket(fileno=sys.stdin.fileno())
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to a whole group; who asks may yet have a batch to finish
        signal.signal(number, signal.SIG_IGN)
    # After the imports, which map a good deal themselves; before the first hostile byte is parsed.
    _limit(resource.RLIMIT_AS, options.memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    with contextlib.suppress(OSError):  # where the kernel must kill for want of memory, it is to take this process
        Path("/proc/self/oom_score_adj").write_text("1000")
    channel.sendall(protocol.READY)
    with contextlib.suppress(protocol.Gone):
        while True:
            question, data = protocol.receive(channel)
            signal.setitimer(signal.ITIMER_REAL, question["timeout_s"] + _MARGIN_S)  # unhandled, it ends the process
            head, body = _answer(question, bytes(data))
            protocol.send(channel, head, body)
            signal.setitimer(signal.ITIMER_REAL, 0)
            del data, body


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _answer(question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes | memoryview]:
    limits = {"max_bytes": question["max_bytes"], "max_pixels": question["max_pixels"]}
    try:
        if "size" in question:
            decoded = 0.0

            def lap() -> None:
                nonlocal decoded
                decoded = time.perf_counter()

            pixels = images.to_input(data, _Spec(question["size"], question["fit"]), lap=lap, **limits)
            return {"fitted_s": time.perf_counter() - decoded}, pixels.data.cast("B")
        cleaned, info = images.clean(data, **limits)
    except ImageRejected as rejected:
        return {"code": rejected.code, "message": rejected.message}, b""
    return {"info": dataclasses.asdict(info), "same": cleaned is data}, b"" if cleaned is data else cleaned


if __name__ == "__main__":
    # Nothing is to be said behind the back of whoever asks; what Python itself reports goes to standard error.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    main()
