"""Remove the metadata of an AVIF in place: no byte of the picture moves, so no offset changes. Read its colours.

An AVIF consists of nested boxes (ISO 14496-12). `meta` lists *items* (iinf), where their bytes are in the file (iloc),
which items refer to which (iref), and how each is shown (iprp: size, colour profile, rotation). EXIF, XMP and
thumbnails are items like the picture itself. They are removed from these lists, their bytes become zeros, and a `free`
box fills the space that the lists no longer need. Everything that the picture is not known to need becomes `free` too.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

# The coded picture and its tiles, and items that are computed from others: a grid, an overlay, a tone map.
_ITEMS = frozenset([b"av01", b"grid", b"iovl", b"iden", b"tmap"])
_META = frozenset([b"hdlr", b"pitm", b"iinf", b"iloc", b"iref", b"iprp", b"idat", b"grpl", b"dinf"])
_PROPERTIES = frozenset(
    b"ispe pixi av1C colr irot imir clap pasp auxC clli mdcv cclv amve a1op a1lx lsel rloc ndwt reve free".split()
)
# The boxes that an image sequence needs; those in the second line contain others.
_MOVIE = frozenset(
    b"mvhd tkhd tref elst mdhd hdlr vmhd nmhd dref stsd stts ctts stsc stsz stz2 stco co64 stss sbgp sgpd cslg sdtp "
    b"moov trak edts mdia minf dinf stbl free".split()
)
_MOVIE_FOLDERS = frozenset(b"moov trak edts mdia minf dinf stbl".split())


class _Unknown(Exception):
    """The file has a structure that this module does not know."""


@dataclass(frozen=True)
class _Box:
    kind: bytes
    start: int
    body: int  # where its content starts
    end: int


@dataclass
class _Items:
    """The content of `meta`. Ranges are byte offsets: from, to."""

    primary: int = 0
    kept: set[int] = field(default_factory=set)
    dropped: set[int] = field(default_factory=set)
    in_file: list[tuple[int, int]] = field(default_factory=list)
    in_idat: list[tuple[int, int]] = field(default_factory=list)


def without_metadata(data: bytes) -> bytes | None:
    """The same picture without metadata; None if the file has unknown boxes.

    Raises:
        struct.error, IndexError: the boxes end too early.
    """
    try:
        return _cut(data)
    except _Unknown:
        return None


def nclx(data: bytes) -> tuple[int, int] | None:
    """The codes of primaries and tone curve that the container gives the picture (ITU-T H.273); None if it gives none.
    Says nothing about a colour profile, which comes first."""
    try:
        meta = next(box for box in _top(data) if box.kind == b"meta")
        found = {box.kind: box for box in _inside(data, meta.body + 4, meta.end)}
        pitm, iprp = found[b"pitm"], found[b"iprp"]
        (primary,) = struct.unpack_from(">H" if data[pitm.body] == 0 else ">I", data, pitm.body + 4)
        parts = list(_inside(data, iprp.body, iprp.end))
        properties = [box for part in parts if part.kind == b"ipco" for box in _inside(data, part.body, part.end)]
        numbers = [number for part in parts if part.kind == b"ipma" for number in _properties_of(data, part, primary)]
        for box in (properties[number - 1] for number in numbers if 0 < number <= len(properties)):
            if box.kind == b"colr" and data[box.body : box.body + 4] == b"nclx":
                primaries, tone = struct.unpack_from(">HH", data, box.body + 4)
                return primaries, tone
    except (_Unknown, struct.error, IndexError, KeyError, StopIteration):
        pass
    return None


def _cut(data: bytes) -> bytes:
    boxes = list(_top(data))
    out = bytearray(data[: boxes[-1].end])
    by_kind = {kind: [box for box in boxes if box.kind == kind] for kind in (b"ftyp", b"meta", b"moov", b"mdat")}
    if boxes[0].kind != b"ftyp" or any(len(by_kind[kind]) > 1 for kind in (b"ftyp", b"meta", b"moov")):
        raise _Unknown
    for box in boxes:
        if box.kind not in by_kind:
            _free(out, box)
    items = _Items()
    for meta in by_kind[b"meta"]:
        items = _meta(out, meta)
    for moov in by_kind[b"moov"]:
        if not items.dropped and _movie_is_plain(data, moov):
            return bytes(out)  # its frames are in the media data too, at offsets that only `moov` knows
        if not by_kind[b"meta"]:
            raise _Unknown
        _free(out, moov)  # the first frame remains, which is a complete picture
        brands = slice(boxes[0].body, boxes[0].end)
        out[brands] = bytes(out[brands]).replace(b"avis", b"avif")
    if not by_kind[b"meta"]:
        raise _Unknown
    for box in by_kind[b"mdat"]:
        _keep_only(out, box.body, box.end, items.in_file)
    return bytes(out)


def _top(data: bytes) -> Iterator[_Box]:
    """The boxes of the file, without trailing data that is not a box, such as an HTML page."""
    at = 0
    seen: set[bytes] = set()
    while at < len(data):
        try:
            box = _box(data, at, len(data))
        except (_Unknown, struct.error):
            if b"mdat" in seen and seen & {b"meta", b"moov"}:
                return
            raise
        yield box
        seen.add(box.kind)
        at = box.end


def _box(data: bytes | bytearray, at: int, stop: int) -> _Box:
    length, kind = struct.unpack_from(">I4s", data, at)
    body = at + 8
    if length == 1:
        (length,) = struct.unpack_from(">Q", data, body)
        body += 8
    elif length == 0 and stop == len(data):
        length = stop - at
    if at + length > stop or at + length < body:
        raise _Unknown
    return _Box(kind, at, body, at + length)


def _inside(data: bytes | bytearray, start: int, stop: int) -> Iterator[_Box]:
    while start < stop:
        box = _box(data, start, stop)
        yield box
        start = box.end


def _free(out: bytearray, box: _Box) -> None:
    out[box.start + 4 : box.start + 8] = b"free"
    out[box.body : box.end] = bytes(box.end - box.body)


def _keep_only(out: bytearray, start: int, stop: int, kept: list[tuple[int, int]]) -> None:
    """Write zeros between `start` and `stop`, except in the ranges of `kept`."""
    at = start
    for first, last in sorted(kept):
        first, last = min(max(first, start), stop), min(last, stop)
        if first > at:
            out[at:first] = bytes(first - at)
        at = max(at, last)
    if at < stop:
        out[at:stop] = bytes(stop - at)


def _meta(out: bytearray, meta: _Box) -> _Items:
    """Rewrite `meta` in place, with the same length."""
    boxes = list(_inside(out, meta.body + 4, meta.end))
    found = {box.kind: box for box in boxes}
    if len(found) != len(boxes) and any([box.kind for box in boxes].count(kind) > 1 for kind in _META if kind in found):
        raise _Unknown
    if not {b"pitm", b"iinf", b"iloc", b"iprp"} <= set(found):
        raise _Unknown
    items = _Items()
    pitm = found[b"pitm"]
    (items.primary,) = struct.unpack_from(">H" if out[pitm.body] == 0 else ">I", out, pitm.body + 4)
    _sort_items(out, found[b"iinf"], found.get(b"iref"), items)
    for box in boxes:
        if box.kind not in _META:
            _free(out, box)
    hdlr = found.get(b"hdlr")
    if hdlr is not None:  # its name can be any text
        out[hdlr.body + 24 : hdlr.end] = bytes(max(0, hdlr.end - hdlr.body - 24))
    rewritten: dict[bytes, Callable[[bytearray, _Box, _Items], bytes]] = {
        b"iinf": _iinf,
        b"iloc": _iloc,
        b"iref": _iref,
        b"iprp": _iprp,
    }
    parts = [
        rewritten[box.kind](out, box, items) if box.kind in rewritten else bytes(out[box.start : box.end])
        for box in boxes
    ]
    if b"idat" in found:
        at = [box.kind for box in boxes].index(b"idat")
        idat = bytearray(parts[at])
        head = found[b"idat"].body - found[b"idat"].start
        _keep_only(idat, head, len(idat), [(first + head, last + head) for first, last in items.in_idat])
        parts[at] = bytes(idat)
    body = b"".join(parts)
    spare = meta.end - meta.body - 4 - len(body)
    if spare:
        if spare < 8:
            raise _Unknown
        body += struct.pack(">I4s", spare, b"free") + bytes(spare - 8)
    out[meta.body + 4 : meta.end] = body
    return items


def _sort_items(out: bytearray, iinf: _Box, iref: _Box | None, items: _Items) -> None:
    thumbnails = {source for kind, source, _ in (_references(out, iref) if iref else ()) if kind == b"thmb"} - {
        items.primary
    }
    for box in _inside(out, iinf.body + (6 if out[iinf.body] == 0 else 8), iinf.end):
        identity, kind = _item(out, box)
        (items.kept if kind in _ITEMS and identity not in thumbnails else items.dropped).add(identity)
    if items.primary not in items.kept or items.kept & items.dropped:
        raise _Unknown


def _item(out: bytearray, box: _Box) -> tuple[int, bytes]:
    version = out[box.body]
    if box.kind != b"infe" or version not in (2, 3):
        raise _Unknown
    identity, _, kind = struct.unpack_from(">HH4s" if version == 2 else ">IH4s", out, box.body + 4)
    return identity, kind


def _iinf(out: bytearray, iinf: _Box, items: _Items) -> bytes:
    version = out[iinf.body]
    first = iinf.body + (6 if version == 0 else 8)
    entries = []
    for box in _inside(out, first, iinf.end):
        identity, _ = _item(out, box)
        if identity in items.kept:
            name = box.body + (12 if out[box.body] == 2 else 14)
            if bytes(out[name : box.end]) not in (b"\0", b"Color\0", b"Alpha\0"):
                out[name : box.end] = bytes(box.end - name)
            entries.append(bytes(out[box.start : box.end]))
    count = struct.pack(">H" if version == 0 else ">I", len(entries))
    return _made(b"iinf", bytes(out[iinf.body : iinf.body + 4]) + count + b"".join(entries))


def _made(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def _iloc(out: bytearray, iloc: _Box, items: _Items) -> bytes:
    """The entries of the items that are kept; records in `items` where their bytes are."""
    version = out[iloc.body]
    if version > 2:
        raise _Unknown
    sizes = struct.unpack_from(">BB", out, iloc.body + 4)
    offset_size, length_size = sizes[0] >> 4, sizes[0] & 15
    base_size, index_size = sizes[1] >> 4, sizes[1] & 15 if version else 0
    at = iloc.body + 6
    identity_size = 4 if version == 2 else 2
    count = int.from_bytes(out[at : at + identity_size], "big")
    at += identity_size
    entries = []

    def number(size: int) -> int:
        nonlocal at
        if at + size > iloc.end:
            raise _Unknown
        at += size
        return int.from_bytes(out[at - size : at], "big")

    for _ in range(count):
        start = at
        identity = number(identity_size)
        method = number(2) & 15 if version else 0
        reference, base = number(2), number(base_size)
        ranges = []
        for _ in range(number(2)):
            number(index_size)
            offset = base + number(offset_size)
            length = number(length_size)
            ranges.append((offset, offset + length))
            if identity in items.kept and (not length or reference):
                raise _Unknown  # "to the end of the file", or in another file
        if identity in items.kept:
            if method > 1:
                raise _Unknown
            (items.in_idat if method else items.in_file).extend(ranges)
            entries.append(bytes(out[start:at]))
    head = bytes(out[iloc.body : iloc.body + 6]) + len(entries).to_bytes(identity_size, "big")
    return _made(b"iloc", head + b"".join(entries))


def _references(out: bytearray, iref: _Box) -> Iterator[tuple[bytes, int, tuple[_Box, list[int]]]]:
    form, size = (">H", 2) if out[iref.body] == 0 else (">I", 4)
    for box in _inside(out, iref.body + 4, iref.end):
        (source,) = struct.unpack_from(form, out, box.body)
        (count,) = struct.unpack_from(">H", out, box.body + size)
        first = box.body + size + 2
        if first + count * size > box.end:
            raise _Unknown
        targets = [struct.unpack_from(form, out, first + number * size)[0] for number in range(count)]
        yield box.kind, source, (box, targets)


def _iref(out: bytearray, iref: _Box, items: _Items) -> bytes:
    kept = b""
    for _, source, (box, targets) in _references(out, iref):
        if source in items.dropped:
            continue
        if items.dropped & set(targets):
            raise _Unknown  # the picture is made of an item that is not a picture
        kept += out[box.start : box.end]
    return _made(b"iref", bytes(out[iref.body : iref.body + 4]) + kept) if kept else b""


def _iprp(out: bytearray, iprp: _Box, items: _Items) -> bytes:
    parts = b""
    for box in _inside(out, iprp.body, iprp.end):
        if box.kind == b"ipco":
            for property_ in _inside(out, box.body, box.end):
                if property_.kind not in _PROPERTIES:
                    _free(out, property_)
            parts += out[box.start : box.end]
        elif box.kind == b"ipma":
            parts += _ipma(out, box, items)
        else:
            raise _Unknown
    return _made(b"iprp", parts)


def _ipma(out: bytearray, ipma: _Box, items: _Items) -> bytes:
    version, flags = out[ipma.body], out[ipma.body + 3]
    identity_form, identity_size = (">H", 2) if version == 0 else (">I", 4)
    (count,) = struct.unpack_from(">I", out, ipma.body + 4)
    at, entries = ipma.body + 8, []
    for _ in range(count):
        (identity,) = struct.unpack_from(identity_form, out, at)
        end = at + identity_size + 1 + out[at + identity_size] * (2 if flags & 1 else 1)
        if end > ipma.end:
            raise _Unknown
        if identity not in items.dropped:
            entries.append(bytes(out[at:end]))
        at = end
    return _made(b"ipma", bytes(out[ipma.body : ipma.body + 4]) + struct.pack(">I", len(entries)) + b"".join(entries))


def _properties_of(data: bytes, ipma: _Box, item: int) -> list[int]:
    """The numbers of the properties of `item`, from 1."""
    wide, (form, size) = data[ipma.body + 3] & 1, (">H", 2) if data[ipma.body] == 0 else (">I", 4)
    (count,) = struct.unpack_from(">I", data, ipma.body + 4)
    at = ipma.body + 8
    for _ in range(min(count, len(data))):
        (identity,) = struct.unpack_from(form, data, at)
        first, length = at + size + 1, data[at + size]
        at = first + length * (2 if wide else 1)
        if identity == item:
            step = 2 if wide else 1
            return [
                int.from_bytes(data[place : place + step], "big") & (0x7FFF if wide else 0x7F)
                for place in range(first, at, step)
            ]
    return []


def _movie_is_plain(data: bytes, box: _Box) -> bool:
    """Whether a sequence contains only its frames."""
    if box.kind not in _MOVIE:
        return False
    return box.kind not in _MOVIE_FOLDERS or all(
        _movie_is_plain(data, each) for each in _inside(data, box.body + (8 if box.kind == b"dref" else 0), box.end)
    )
