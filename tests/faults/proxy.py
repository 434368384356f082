"""A faulty network between the shop's processes and a server on a Unix socket."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from pathlib import Path

# SO_LINGER with a time of 0: closing the socket sends a reset.
RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards bytes in both directions until a method breaks it."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket, threading.Event]] = []
        self._open = threading.Event()  # bytes pass
        self._open.set()
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def reset(self) -> None:
        """Reset every connection; new ones work."""
        pairs, self._pairs = self._pairs, []
        for *ends, _ in pairs:
            for end in ends:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    end.shutdown(socket.SHUT_RD)  # wakes the thread that reads it
                end.close()

    def swallow(self) -> None:
        """Drop all bytes from now on, on existing connections forever; new connections are accepted but stay silent.
        Nothing is reported to either side, like a pulled cable."""
        self._open.clear()
        for *_, passing in self._pairs:
            passing.clear()

    def restore(self) -> None:
        """Let new connections work; connections that went silent stay so."""
        self._pairs = []
        self._open.set()

    def close(self) -> None:
        self.reset()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:  # closed
                return
            self.connections += 1
            far = socket.socket(socket.AF_UNIX)
            if self._open.is_set():
                try:
                    far.connect(str(self._target))
                except OSError:  # no server: the client gets the same error
                    near.close()
                    continue
            passing = threading.Event()
            if self._open.is_set():
                passing.set()
            self._pairs.append((near, far, passing))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(source, sink, passing), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, passing: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if passing.is_set():
                sink.sendall(data)
        if passing.is_set():
            sink.shutdown(socket.SHUT_WR)
