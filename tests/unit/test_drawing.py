"""Floor drawings from strangers: what draws is kept, what acts or leads outside is not, what is broken is refused."""

from __future__ import annotations

import struct
import zlib
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples

from connectors.desk.drawing import MAX_BYTES, PNG, SVG, checked
from twin.errors import DrawingError


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width=4, height=3, *, color=2, depth=8, interlaced=0, rows=None, extra=b"", size=None):
    head = struct.pack(">IIBBBBB", *(size or (width, height)), depth, color, 0, 0, interlaced)
    data = b"".join(b"\0" + bytes(width * 3) for _ in range(height)) if rows is None else rows
    return PNG + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def svg(inside: str, attributes: str = 'viewBox="0 0 96 60"') -> bytes:
    return f'<svg xmlns="{SVG}" xmlns:xlink="http://www.w3.org/1999/xlink" {attributes}>{inside}</svg>'.encode()


def test_a_png_keeps_its_pixels_and_nothing_else():
    found = checked(png(extra=chunk(b"tEXt", b"Author\0kim")) + b"<script>alert(1)</script>")
    assert (found.kind, found.width, found.height) == ("png", 4, 3)
    assert found.body == png()
    assert found.left_out == ("tEXt",)
    assert found.media_type == "image/png"


def test_an_interlaced_png_is_counted_by_its_passes():
    # 5 x 5, Adam7: passes of 1x1, 1x1, 2x1, 1x2, 3x1, 2x3, 5x2
    passes = [(1, 1), (1, 1), (2, 1), (1, 2), (3, 1), (2, 3), (5, 2)]
    rows = b"".join(b"\0" + bytes(w * 3) for w, h in passes for _ in range(h))
    assert checked(png(5, 5, interlaced=1, rows=rows)).width == 5
    with pytest.raises(DrawingError, match="pixels"):
        checked(png(5, 5, interlaced=1, rows=rows[:-1]))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (png()[:-20], "cut|damaged"),
        (png().replace(b"IDAT", b"IDAX"), "damaged"),
        (png(size=(100_000, 3)), "pixels"),
        (png(size=(8000, 8000)), "pixels"),
        (png(size=(0, 3)), "pixels"),
        (png(size=(4, 4)), "pixels"),
        (png(rows=bytes(50_000_000)), "pixels"),
        (png(color=5), "kind of pixels"),
        (png(depth=3), "kind of pixels"),
        (png(extra=chunk(b"EVIL", b"")), "EVIL"),
        (PNG + chunk(b"IEND", b""), "cut"),
        (b"\xff\xd8\xff\xe0 a photograph", "neither"),
        (b"", "neither"),
        (b"<" * (MAX_BYTES + 1), "too many"),
        (b"<html><body/></html>", "html"),
        (b'<svg viewBox="0 0 1 1"/>', "<svg"),
        (svg("", ""), "size"),
        (svg("", 'viewBox="0 0 0 5"'), "size"),
        (svg("", 'viewBox="0 0 nan 5"'), "size"),
        (svg("<g>"), "read"),
        (svg("<g>" * 100 + "</g>" * 100), "large"),
        (svg("<g/>" * 60_000), "large"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]>' + svg("&a;"), "entities"),
        (b'<!DOCTYPE svg SYSTEM "file:///etc/passwd">' + svg(""), "entities"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_words(body, said):
    with pytest.raises(DrawingError, match=said) as caught:
        checked(body)
    assert caught.value.do


def test_an_svg_is_written_anew_from_what_draws():
    found = checked(
        svg(
            '<title>바닥 &lt;1&gt;</title><g transform="translate(1 2)" style="fill:#fff; stroke: black">'
            '<path d="M0 0L1 1" stroke-width="2"/><rect width="3" height="4" fill="url(#a)"/></g>'
            '<defs><linearGradient id="a"><stop offset="0" stop-color="red"/></linearGradient></defs>'
        )
    )
    root = ET.fromstring(found.body)  # noqa: S314  written by the code under test
    assert root.attrib["viewBox"] == "0 0 96 60"
    names = [one.tag.removeprefix(f"{{{SVG}}}") for one in root.iter()]
    assert names == ["svg", "title", "g", "path", "rect", "defs", "linearGradient", "stop"]
    group = root.find(f"{{{SVG}}}g")
    assert group.attrib == {"transform": "translate(1 2)", "fill": "#fff", "stroke": "black"}
    assert root.find(f"{{{SVG}}}title").text == "바닥 <1>"
    assert root.find(f".//{{{SVG}}}rect").attrib["fill"] == "url(#a)"
    assert found.left_out == ()


HOSTILE = [
    ("<script>alert(1)</script>", "script"),
    ('<g onclick="alert(1)"/>', "@onclick"),
    ('<a xlink:href="javascript:alert(1)"><rect/></a>', "a"),
    ('<image href="http://evil.example/x.png"/>', "image"),
    ("<style>@import url(http://evil.example)</style>", "style"),
    ('<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><script/></body></foreignObject>', "foreignObject"),
    ('<animate attributeName="href" to="javascript:alert(1)"/>', "animate"),
    ('<set attributeName="onclick" to="alert(1)"/>', "set"),
    ('<use href="#x"/>', "use"),
    ('<rect fill="url(http://evil.example/#a)"/>', "@fill"),
    ('<rect style="fill:url(http://evil.example)"/>', "style fill"),
    ('<rect style="fill:u\\72l(//evil.example)"/>', "style fill"),
    ('<rect fill="url(&#35;a) url(//evil.example)"/>', "@fill"),
    ('<filter><feImage href="http://evil.example"/></filter>', "filter"),
    ('<svg onload="alert(1)"/>', "svg"),
]


@pytest.mark.parametrize(("part", "told"), HOSTILE)
def test_what_acts_or_leads_outside_is_left_out_and_told(part, told):
    found = checked(svg(f'{part}<circle r="1"/>'))
    assert told in found.left_out
    text = found.body.decode()
    assert "circle" in text
    for word in ("script", "javascript", "evil", "onclick", "onload", "href", "@import", "\\"):
        assert word not in text
    assert checked(found.body).left_out in ((), ("@preserveAspectRatio",))


@given(st.binary(max_size=400))
@settings(max_examples=examples(300))
def test_bytes_of_any_kind_are_taken_or_refused(body):
    for one in (body, PNG + body, b"<svg " + body, svg("").replace(b"></svg>", b">" + body + b"</svg>")):
        try:
            found = checked(one)
        except DrawingError:
            continue
        assert found.width > 0
        if found.kind == "svg":
            ET.fromstring(found.body)  # noqa: S314  written by the code under test
