"""The protocol between a process and its decoders: a head of JSON and a body of bytes, over a socket."""

import json
import socket
import struct
import time
from typing import Any

#: A decoder with T seconds of processor time may take this many times as long on the clock: on a busy machine it gets
#: only a part of the processor, and a decoder that sleeps uses none.
WAIT_FACTOR = 3.0
READY = b"decoder ready\n"
_LENGTHS = struct.Struct("!II")
# A message up to this size, as most are, needs one system call instead of one for each part.
_AT_ONCE = 2**16


class Gone(Exception):
    """The process at the other end closed the channel, or died."""


def send(
    channel: socket.socket, head: dict[str, Any], body: bytes | memoryview = b"", *, seconds: float | None = None
) -> None:
    """Send a message. Raises Gone, or TimeoutError if nothing could be sent for `seconds`."""
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
    """Receive a message. Raises Gone, or TimeoutError after `seconds`."""
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
    """`count` bytes. Raises Gone if the other end closes first, TimeoutError after `deadline` (monotonic)."""
    buffer = bytearray(count)
    _fill(channel, memoryview(buffer), count, deadline)
    return buffer


def _fill(channel: socket.socket, buffer: memoryview, least: int, deadline: float | None) -> int:
    """Receive at least this many bytes, and whatever else has arrived; returns the number."""
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
