"""What a process and its decoders say to each other: a head of JSON and a body of bytes, over a socket."""

import json
import socket
import struct
import time
from typing import Any

READY = b"decoder ready\n"
_LENGTHS = struct.Struct("!II")


class Gone(Exception):
    """Whoever is at the other end closed it, or died."""


def send(
    channel: socket.socket, head: dict[str, Any], body: bytes | memoryview = b"", *, seconds: float | None = None
) -> None:
    """Raises Gone, or TimeoutError after `seconds`."""
    packed = json.dumps(head).encode()
    channel.settimeout(seconds)
    try:
        channel.sendall(_LENGTHS.pack(len(packed), len(body)) + packed)
        channel.sendall(body)
    except TimeoutError:
        raise
    except OSError as error:
        raise Gone from error


def receive(channel: socket.socket, *, seconds: float | None = None) -> tuple[dict[str, Any], bytearray]:
    """Raises Gone, or TimeoutError after `seconds`."""
    deadline = None if seconds is None else time.monotonic() + seconds
    head, body = _LENGTHS.unpack(exactly(channel, _LENGTHS.size, deadline))
    return json.loads(exactly(channel, head, deadline)), exactly(channel, body, deadline)


def exactly(channel: socket.socket, count: int, deadline: float | None) -> bytearray:
    """`count` bytes; Gone when the other end closes before, TimeoutError after `deadline` (monotonic)."""
    buffer = bytearray(count)
    rest = memoryview(buffer)
    while rest:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            channel.settimeout(left)
        try:
            got = channel.recv_into(rest)
        except TimeoutError:
            raise
        except OSError as error:
            raise Gone from error
        if not got:
            raise Gone
        rest = rest[got:]
    return buffer
