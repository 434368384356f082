"""Minimum speed of clients that send a request or read a response, and how much of both is buffered for them.

The same rule as Apache's mod_reqtimeout: an initial time, extended by every byte received. A client at modem speed may
take a quarter of an hour; a client that sends a byte now and then gets only the initial time.
"""

from __future__ import annotations

import socket
import threading
import time
from tempfile import SpooledTemporaryFile

HEAD_SECONDS = 10.0  # for the request line and all headers, from the connection or the first byte
BODY_SECONDS = 20.0  # initial time of a body and of a response
BYTES_PER_SECOND = 4096
LONGEST_SECONDS = 900.0  # maximum at any speed: 100 MB at 1 Mbit/s take 840
MEMORY_BYTES = 256 * 1024  # per body or response; larger ones are in a file
KEPT_BYTES = 512 * 2**20  # all bodies and responses of this process together


class TooSlow(Exception):
    """The client has used up its time."""


class NoRoom(Exception):
    """`KEPT_BYTES` are already buffered for slow clients."""


class Pace:
    """The deadline of one direction of a connection, extended by every byte."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._seconds = HEAD_SECONDS
        self._passed: int | None = None

    def head(self) -> None:
        self._started, self._seconds, self._passed = time.monotonic(), HEAD_SECONDS, None

    def body(self) -> None:
        self._started, self._seconds, self._passed = time.monotonic(), BODY_SECONDS, 0

    def left(self) -> float:
        """Seconds until the deadline.

        Raises:
            TooSlow: the deadline has passed.
        """
        seconds = self._seconds
        if self._passed is not None:
            seconds = min(seconds + self._passed / BYTES_PER_SECOND, LONGEST_SECONDS)
        left = self._started + seconds - time.monotonic()
        if left <= 0:
            raise TooSlow
        return left

    def passed(self, count: int) -> None:
        if self._passed is not None:
            self._passed += count


class PacedSocket:
    """The socket that gunicorn's parser reads from, with the deadlines of `pace`."""

    def __init__(self, sock: socket.socket, pace: Pace) -> None:
        self._sock, self.pace = sock, pace

    def recv(self, size: int) -> bytes:
        self._sock.settimeout(self.pace.left())
        try:
            data = self._sock.recv(size)
        except TimeoutError:
            raise TooSlow from None
        self.pace.passed(len(data))
        return data


class Room:
    """The number of bytes that may still be buffered, shared by all connections of a process."""

    def __init__(self, size: int = KEPT_BYTES) -> None:
        self._left = size
        self._mutex = threading.Lock()

    def take(self, count: int) -> None:
        """
        Raises:
            NoRoom: fewer than `count` bytes are left.
        """
        with self._mutex:
            if count > self._left:
                raise NoRoom
            self._left -= count

    def give_back(self, count: int) -> None:
        with self._mutex:
            self._left += count


class Kept:
    """A buffered body or response: in memory while it is small, otherwise in a temporary file."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.file = SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115  (lives as long as this)
        self.size = 0

    def add(self, data: bytes) -> None:
        self._room.take(len(data))
        self.size += len(data)
        self.file.write(data)

    def close(self) -> None:
        self.file.close()
        self._room.give_back(self.size)
        self.size = 0


class Answer:
    """The socket that an application thread writes to. It buffers what the client does not accept at once."""

    def __init__(self, sock: socket.socket, room: Room) -> None:
        self._sock, self._room = sock, room
        self.kept: Kept | None = None

    def sendall(self, data: bytes) -> None:
        view = memoryview(data).cast("B")
        if self.kept is None:
            view = view[self._send_now(view) :]
        if view:
            if self.kept is None:
                self.kept = Kept(self._room)
            self.kept.add(bytes(view))

    def _send_now(self, view: memoryview) -> int:
        sent = 0
        while sent < len(view):
            try:
                sent += self._sock.send(view[sent:], socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
        return sent

    def send(self, data: bytes) -> int:
        self.sendall(data)
        return len(data)

    def flush(self) -> None:
        """Send the buffered rest.

        Raises:
            TooSlow, OSError: the client does not accept it.
        """
        if self.kept is None:
            return
        pace = Pace()
        pace.body()
        self.kept.file.seek(0)
        while data := self.kept.file.read(64 * 1024):
            view = memoryview(data)
            while view:
                self._sock.settimeout(pace.left())
                try:
                    sent = self._sock.send(view)
                except TimeoutError:
                    raise TooSlow from None
                pace.passed(sent)
                view = view[sent:]

    def close_kept(self) -> None:
        if self.kept is not None:
            self.kept.close()
            self.kept = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)
