"""What a process and its decoders say to each other: a head of JSON and a body of bytes, over a socket."""

import json
import socket
import struct
import time
from typing import Any

#: A decoder that is given T seconds of processor time is waited for this many times as long: on a busy machine it gets
#: a part of the processor only, and one that sleeps uses none of it.
WAIT_FACTOR = 3.0
READY = b"decoder ready\n"
_LENGTHS = struct.Struct("!II")
# A message that fits, as most do, costs one call to the system instead of one for each part.
_AT_ONCE = 2**16


class Gone(Exception):
    """Whoever is at the other end closed it, or died."""


def send(
    channel: socket.socket, head: dict[str, Any], body: bytes | memoryview = b"", *, seconds: float | None = None
) -> None:
    """Raises Gone, or TimeoutError when nothing moved for `seconds`."""
    packed = json.dumps(head).encode()
    message = [memoryview(_LENGTHS.pack(len(packed), len(body)) + packed), memoryview(body)]
    channel.settimeout(seconds)
    try:
        sent = channel.sendmsg(message)
        for part in message:
            if sent < len(part):
                channel.sendall(part[sent:])
            sent = max(sent - len(part), 0)
    except TimeoutError:
        raise
    except OSError as error:
        raise Gone from error


def receive(channel: socket.socket, *, seconds: float | None = None) -> tuple[dict[str, Any], memoryview]:
    """Raises Gone, or TimeoutError after `seconds`."""
    deadline = None if seconds is None else time.monotonic() + seconds
    buffer = bytearray(_AT_ONCE)
    got = _fill(channel, memoryview(buffer), _LENGTHS.size, deadline)
    head, body = _LENGTHS.unpack_from(buffer)
    length = _LENGTHS.size + head + body
    if length > len(buffer):
        buffer = buffer[:got] + bytes(length - got)
    message = memoryview(buffer)[:length]
    _fill(channel, message[got:], length - got, deadline)
    return json.loads(bytes(message[_LENGTHS.size : length - body])), message[length - body :]


def exactly(channel: socket.socket, count: int, deadline: float | None) -> bytearray:
    """`count` bytes; Gone when the other end closes before, TimeoutError after `deadline` (monotonic)."""
    buffer = bytearray(count)
    _fill(channel, memoryview(buffer), count, deadline)
    return buffer


def _fill(channel: socket.socket, buffer: memoryview, least: int, deadline: float | None) -> int:
    """Receive at least so many bytes, and what else comes along; how many."""
    got = 0
    while got < least:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            channel.settimeout(left)
        try:
            some = channel.recv_into(buffer[got:])
        except TimeoutError:
            raise
        except OSError as error:
            raise Gone from error
        if not some:
            raise Gone
        got += some
    return got
