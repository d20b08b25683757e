"""Drawings of floors as strangers upload them: looked at byte by byte, and built anew from what is allowed.

Nothing of an upload is served as it came. A PNG is taken apart into its chunks, its pixels are counted, and only
what makes the picture is put together again. An SVG is read by a parser that knows no entities, and written from
lists of elements and attributes that draw; scripts, links, images, styles with addresses are left out.
"""

from __future__ import annotations

import hashlib
import math
import re
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn
from xml.parsers import expat  # the parser itself: doctypes and entities are refused below
from xml.sax.saxutils import escape, quoteattr

from twin.errors import DrawingError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 1_000_000
MAX_SIDE_PX = 8192
MAX_PIXELS = 32_000_000
MAX_ELEMENTS = 50_000
MAX_DEPTH = 64
MAX_SIZE = 1e6
DRAWN_PX = 2048
"""How large an SVG is drawn, its longer side."""

PNG = b"\x89PNG\r\n\x1a\n"
_KEPT_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"sRGB", b"pHYs", b"IDAT", b"IEND")
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = (1, 2, 4, 8, 16)
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_CRC = struct.Struct(">I")
_HEAD = struct.Struct(">IIBBBBB")
_CHUNK = 65_536

SVG = "http://www.w3.org/2000/svg"
ELEMENTS = re.compile(
    r"svg|g|defs|path|rect|circle|ellipse|line|polyline|polygon|text|tspan|title|desc|linearGradient|radialGradient|"
    r"stop|clipPath"
)
PAINT = re.compile(
    r"(fill|stroke|stop)-opacity|fill(-rule)?|stroke(-(width|linecap|linejoin|miterlimit|dasharray|dashoffset))?|opacity|"
    r"color|display|visibility|font-(family|size|style|weight)|text-anchor|dominant-baseline|letter-spacing|stop-color|"
    r"clip-(path|rule)"
)
PLACE = re.compile(
    r"id|d|x|y|[xy][12]|c[xy]|r[xy]?|d[xy]|f[xy]|width|height|points|transform|rotate|offset|gradient(Units|Transform)|"
    r"spreadMethod|clipPathUnits|textLength|lengthAdjust|pathLength"
)
_LOCAL = re.compile(r"url\(\s*#[\w.-]+\s*\)")
_PLAIN = re.compile(r"[\w\s.,;:#%()+\-'\"]*")
_LENGTH = re.compile(r"\s*([+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*(px|pt|pc|mm|cm|in|)\s*")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_BOX = 4
_PX = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture that may be served: ``svg`` or ``png``, its size in pixels, and what of the upload is not in it."""

    kind: str
    body: bytes
    width: float
    height: float
    left_out: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Of the body, hexadecimal."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def media_type(self) -> str:
        """As HTTP names it."""
        return {"svg": "image/svg+xml", "png": "image/png"}[self.kind]


def checked(body: bytes) -> Drawing:
    """The drawing of an upload, whatever its name said; raises DrawingError."""
    if len(body) > MAX_BYTES:
        raise DrawingError(f"{len(body):,} bytes are too many", f"{MAX_BYTES:,} at most")
    if body.startswith(PNG):
        return _png(body)
    if b"<" in body[:1024]:
        return _svg(body)
    raise DrawingError("this is neither an SVG nor a PNG", "save the drawing as one of them")


# ---- PNG


def _png(body: bytes) -> Drawing:
    kept: list[bytes] = []
    names: list[bytes] = []
    data: list[bytes] = []
    left_out: set[str] = set()
    for name, content in _chunks(body):
        names.append(name)
        if name not in _KEPT_CHUNKS:
            if name[:1].isupper():
                raise DrawingError(f"the PNG has a part {name.decode('latin-1')!r}", "save it as a plain PNG")
            left_out.add(name.decode("latin-1"))
            continue
        if name == b"IDAT":
            data.append(content)
        kept.append(struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content)))
    if names[:1] != [b"IHDR"] or names[-1:] != [b"IEND"] or names.count(b"IHDR") != 1 or not data:
        raise DrawingError("the PNG is cut or has its parts in no order", "save it again")
    width, height = _pixels(body[16:29], b"".join(data))
    return Drawing("png", PNG + b"".join(kept), width, height, tuple(sorted(left_out)))


def _chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(PNG)
    while at < len(body):
        if at + 12 > len(body):
            raise DrawingError("the PNG is cut", "upload it again")
        (length,) = struct.unpack(">I", body[at : at + 4])
        name, content = body[at + 4 : at + 8], body[at + 8 : at + 8 + length]
        end = body[at + 8 + length : at + 12 + length]
        if len(end) < _CRC.size or not name.isalpha() or struct.unpack(">I", end)[0] != zlib.crc32(name + content):
            raise DrawingError("the PNG is damaged", "upload it again")
        yield name, content
        if name == b"IEND":
            return  # whatever hides behind it is left behind
        at += 12 + length


def _pixels(head: bytes, data: bytes) -> tuple[int, int]:
    """The size that the head says, once the pixels are found to be just as many."""
    if len(head) < _HEAD.size:
        raise DrawingError("the PNG is cut", "upload it again")
    width, height, depth, color, packing, _, interlaced = _HEAD.unpack(head)
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX and width * height <= MAX_PIXELS):
        raise DrawingError(f"{width} × {height} pixels", f"{MAX_SIDE_PX} a side and {MAX_PIXELS:,} in all at most")
    if color not in _SAMPLES or depth not in _DEPTHS or packing or interlaced > 1:
        raise DrawingError("the PNG has no kind of pixels that there is", "save it again")
    rows = [(width, height)] if not interlaced else list(_passes(width, height))
    expected = sum(h * (1 + math.ceil(w * _SAMPLES[color] * depth / 8)) for w, h in rows if w and h)
    inflate, found = zlib.decompressobj(), 0
    try:
        waiting = data
        while waiting and not inflate.eof and found <= expected:
            found += len(inflate.decompress(waiting, _CHUNK))
            waiting = inflate.unconsumed_tail
    except zlib.error as error:
        raise DrawingError(f"the PNG's pixels cannot be unpacked: {error}", "save it again") from error
    if found != expected:
        raise DrawingError(f"the PNG has not the pixels of {width} × {height}", "save it again")
    return width, height


def _passes(width: int, height: int) -> Iterator[tuple[int, int]]:
    """The seven pictures of an interlaced one (Adam7)."""
    for x, y, dx, dy in _ADAM7:
        yield -(-(width - x) // dx) if width > x else 0, -(-(height - y) // dy) if height > y else 0


# ---- SVG


class _Writer:
    """What a parser tells, written down as far as it is allowed (mutable)."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.left_out: set[str] = set()
        self.size: tuple[float, float] | None = None
        self._depth = 0
        self._hidden = 0
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._count += 1
        if self._depth > MAX_DEPTH or self._count > MAX_ELEMENTS:
            raise DrawingError("the SVG is too large", f"{MAX_ELEMENTS:,} elements in {MAX_DEPTH} levels at most")
        space, _, local = name.rpartition(" ")
        if self._depth == 1:
            self._root(space, local, attributes)
            return
        if self._hidden or space != SVG or not ELEMENTS.fullmatch(local) or local == "svg":
            if not self._hidden and space == SVG:
                self.left_out.add(local)
            self._hidden += 1
            return
        self.parts.append(f"<{local}{self._allowed(attributes)}>")

    def _root(self, space: str, local: str, attributes: dict[str, str]) -> None:
        if (space, local) != (SVG, "svg"):
            raise DrawingError(f"it begins with <{local[:40]}>, not with <svg>", "save the drawing as SVG")
        x, y, width, height = _view(attributes)
        self.size = (width, height)
        paint = self._allowed(
            {name: value for name, value in attributes.items() if PAINT.fullmatch(name) or name == "style"}
        )
        shown = DRAWN_PX / max(width, height)
        self.parts.append(
            f'<svg xmlns="{SVG}" viewBox="{x:g} {y:g} {width:g} {height:g}" '
            f'width="{width * shown:.0f}" height="{height * shown:.0f}" '
            f'preserveAspectRatio="none"{paint}>'
        )

    def end(self, name: str) -> None:
        self._depth -= 1
        if self._hidden:
            self._hidden -= 1
            return
        self.parts.append(f"</{name.rpartition(' ')[2]}>")

    def text(self, text: str) -> None:
        if not self._hidden and self._depth:
            self.parts.append(escape(text))

    def _allowed(self, attributes: dict[str, str]) -> str:
        kept: dict[str, str] = {}
        for name, value in attributes.items():
            if name == "style":
                for one in value.split(";"):
                    key, _, given = one.partition(":")
                    if PAINT.fullmatch(key.strip()) and _is_harmless(given):
                        kept[key.strip()] = given.strip()
                    elif PAINT.fullmatch(key.strip()):
                        self.left_out.add(f"style {key.strip()}")
            elif PAINT.fullmatch(name) or PLACE.fullmatch(name):
                if _is_harmless(value):
                    kept.setdefault(name, value)
                else:
                    self.left_out.add(f"@{name}")
            elif " " not in name:
                self.left_out.add(f"@{name[:40]}")
        return "".join(f" {name}={quoteattr(value)}" for name, value in kept.items())


def _is_harmless(value: str) -> bool:
    """Whether a value leads nowhere outside: nothing but plain characters, and addresses of its own parts."""
    without = _LOCAL.sub("", value)
    return _PLAIN.fullmatch(without) is not None and "url" not in without.lower() and "://" not in without


def _view(attributes: dict[str, str]) -> tuple[float, float, float, float]:
    box = [float(one) for one in _NUMBER.findall(attributes.get("viewBox", ""))]
    if len(box) != _BOX:
        sides = [_LENGTH.fullmatch(attributes.get(name, "")) for name in ("width", "height")]
        box = [0.0, 0.0, *(float(one[1]) * _PX[one[2]] for one in sides if one)]
    if len(box) != _BOX or not all(map(math.isfinite, box)) or not all(0 < one <= MAX_SIZE for one in box[2:]):
        raise DrawingError("the SVG says no size", "give it a viewBox, or a width and a height")
    return box[0], box[1], box[2], box[3]


def _svg(body: bytes) -> Drawing:
    writer = _Writer()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def refused(*_: object) -> NoReturn:
        raise DrawingError("the SVG has a document type or entities", "save it as plain SVG")

    parser.StartDoctypeDeclHandler = refused
    parser.EntityDeclHandler = refused
    parser.ExternalEntityRefHandler = refused
    parser.SkippedEntityHandler = refused
    parser.StartElementHandler = writer.start
    parser.EndElementHandler = writer.end
    parser.CharacterDataHandler = writer.text
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError) as error:
        raise DrawingError(f"the SVG cannot be read: {error}", "save it again") from error
    assert writer.size is not None  # noqa: S101  the parser saw one root at least
    width, height = writer.size
    return Drawing("svg", "".join(writer.parts).encode(), width, height, tuple(sorted(writer.left_out)))
