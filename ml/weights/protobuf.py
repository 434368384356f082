"""The few parts of the Protocol Buffers encoding that ONNX files need, without the onnx package, which web processes
lack (https://protobuf.dev/programming-guides/encoding/)."""

from collections.abc import Container, Iterator
from io import BytesIO
from typing import BinaryIO

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def fields(file: BinaryIO, end: int, *, wanted: Container[int]) -> Iterator[tuple[int, bytes | int | None]]:
    """(number, content) of each field from the position of `file` to `end`. Contents of fields that are not `wanted`
    are skipped, and so are numbers of a fixed size: None.

    Raises:
        ValueError: the bytes are not protobuf, or cut short.
    """
    while file.tell() < end:
        tag = _varint(file)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            yield number, _varint(file)
            continue
        if wire not in (_FIXED64, _BYTES, _FIXED32) or number == 0:
            raise ValueError("it is not protobuf")
        length = {_FIXED64: 8, _FIXED32: 4}.get(wire) or _varint(file)
        if file.tell() + length > end:
            raise ValueError(f"cut short: {file.tell() + length:,} bytes announced, {end:,} there")
        if wire == _BYTES and number in wanted:
            yield number, file.read(length)
        else:
            file.seek(length, 1)
            yield number, None


def packed(content: bytes) -> list[int]:
    """The numbers of a repeated field, which follow each other."""
    file, found = BytesIO(content), []
    while file.tell() < len(content):
        found.append(_varint(file))
    return found


def encoded(number: int, value: int | bytes | str) -> bytes:
    """One field: a number of 0 or more, or text, bytes or a message."""
    if isinstance(value, int):
        return _as_varint(number << 3 | _VARINT) + _as_varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _as_varint(number << 3 | _BYTES) + _as_varint(len(content)) + content


def _varint(file: BinaryIO) -> int:
    value = shift = 0
    while byte := file.read(1):
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
        shift += 7
        if shift > 63:
            raise ValueError("it is not protobuf")
    raise ValueError("cut short")


def _as_varint(value: int) -> bytes:
    if value < 0:
        raise ValueError(f"only numbers of 0 or more are encoded here, not {value}")
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
