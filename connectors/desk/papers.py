"""Documents and photos of an asset: kept by their hash, listed by their names, taken off the list by people.

A photo is stripped of what a camera writes beside the picture (where it was taken, by which device); a PDF is
kept as it came and only ever handed out to be saved, never shown inside a page.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text, func, select

from connectors.desk.drawing import PNG, checked
from connectors.desk.tables import metadata
from twin.errors import DrawingError, StoreRejected

if TYPE_CHECKING:
    from sqlalchemy import Row

    from connectors.desk.open import Desk

MAX_BYTES = 10_000_000
MAX_OF_ASSET = 50
MAX_NAME = 120
MEDIA = {"pdf": "application/pdf", "png": "image/png", "jpeg": "image/jpeg"}

_JPEG = b"\xff\xd8"
_PDF = b"%PDF-"
_PDF_END = b"%%EOF"
_MARK, _SCAN, _END = 0xFF, 0xDA, 0xD9
_LENGTH = 2
"""Bytes that say how long a segment is, themselves counted."""
_ALONE = (0x01, *range(0xD0, 0xD8))
_LEFT_OUT = (*range(0xE1, 0xEE), 0xEF, 0xFE)
"""APP1 to APP13 and APP15 (Exif, XMP, makers' own) and comments; APP0 and APP14 say how colours are meant."""

paper_row = Table(
    "desk_paper",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("asset", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("gone_ns", BigInteger, nullable=False),
    Column("gone_by", Text, nullable=False),
)
"""``gone_ns`` is 0 while it is on the list. The body stays: what was shown at a moment can be shown again."""
paper_body = Table(
    "desk_paper_body",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
Index("desk_paper_of", paper_row.c.asset)


@dataclass(frozen=True, slots=True)
class Paper:
    """One document; ``kind`` is one of `MEDIA`, ``size`` in bytes."""

    n: int
    asset: str
    name: str
    kind: str
    size: int
    sha256: str
    who: str
    at_ns: int
    gone_ns: int = 0
    gone_by: str = ""


def kept_body(body: bytes) -> tuple[str, bytes]:
    """(kind, what is kept) of an upload, whatever its name says; raises DrawingError."""
    if len(body) > MAX_BYTES:
        raise DrawingError(f"{len(body):,} bytes are too many", f"{MAX_BYTES:,} at most")
    if body.startswith(PNG):
        return "png", checked(body).body
    if body.startswith(_JPEG):
        return "jpeg", _jpeg(body)
    if body.startswith(_PDF) and _PDF_END in body[-2048:]:
        return "pdf", body
    raise DrawingError("this is neither a PDF nor a JPEG or PNG picture", "save it as one of them")


def _jpeg(body: bytes) -> bytes:
    """The picture without what stands beside it."""
    kept, at = [_JPEG], 2
    damaged = DrawingError("the JPEG is cut or damaged", "save it again")
    while True:
        if at + 2 > len(body) or body[at] != _MARK:
            raise damaged
        marker = body[at + 1]
        if marker == _MARK:  # filling
            at += 1
        elif marker == _END:
            raise damaged  # no picture came
        elif marker in _ALONE:
            kept.append(body[at : at + 2])
            at += 2
        else:
            length = int.from_bytes(body[at + 2 : at + 4], "big")
            if length < _LENGTH or at + 2 + length > len(body):
                raise damaged
            if marker not in _LEFT_OUT:
                kept.append(body[at : at + 2 + length])
            at += 2 + length
            if marker == _SCAN:
                end = body.rfind(bytes((_MARK, _END)))
                if end < at:
                    raise damaged
                kept.append(body[at : end + 2])  # whatever hides behind the picture is left behind
                return b"".join(kept)


def add(desk: Desk, who: str, asset: str, name: str, body: bytes) -> Paper:
    """Keep a document; raises DrawingError for what is none, StoreRejected where there are too many, or no name."""
    name = " ".join(name.split()).replace("/", "-").replace("\\", "-")
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise StoreRejected(f"a document has a name of 1 to {MAX_NAME} characters")
    kind, kept = kept_body(body)
    sha256 = hashlib.sha256(kept).hexdigest()
    detail = {"name": name, "kind": kind, "bytes": len(kept), "sha256": sha256}
    with desk.writing(who, "asset.paper", asset, detail) as connection:
        of_asset = (paper_row.c.asset == asset, paper_row.c.gone_ns == 0)
        there = connection.execute(select(func.count()).select_from(paper_row).where(*of_asset)).scalar_one()
        if there >= MAX_OF_ASSET:
            raise StoreRejected(f"{asset} has {there} documents, {MAX_OF_ASSET} at most: take one away first")
        if connection.execute(select(paper_body.c.sha256).where(paper_body.c.sha256 == sha256)).first() is None:
            connection.execute(paper_body.insert().values(sha256=sha256, body=kept))
        last = connection.execute(select(func.max(paper_row.c.n))).scalar()
        paper = Paper((last or 0) + 1, asset, name, kind, len(kept), sha256, who, desk.now_ns)
        connection.execute(paper_row.insert().values(**asdict(paper)))
    return paper


def take_away(desk: Desk, who: str, n: int) -> Paper:
    """Take a document off its asset's list; raises StoreRejected where it is not on it."""
    found = find(desk, n)
    if found is None or found.gone_ns:
        raise StoreRejected(f"there is no document {n}")
    with desk.writing(who, "asset.paper_away", found.asset, {"n": n, "name": found.name}) as connection:
        gone = replace(found, gone_ns=desk.now_ns, gone_by=who)
        changed = paper_row.update().where(paper_row.c.n == n, paper_row.c.gone_ns == 0)
        if not connection.execute(changed.values(gone_ns=gone.gone_ns, gone_by=who)).rowcount:
            raise StoreRejected(f"there is no document {n}")
    return gone


def papers(desk: Desk, asset: str, as_of_ns: int | None = None) -> list[Paper]:
    """What is (or was at ``as_of_ns``) on an asset's list, newest first."""
    wanted = select(paper_row).where(paper_row.c.asset == asset).order_by(paper_row.c.n.desc())
    with desk.reading() as connection:
        listed = [_paper(row) for row in connection.execute(wanted)]
    if as_of_ns is None:
        return [one for one in listed if not one.gone_ns]
    there = [one for one in listed if one.at_ns <= as_of_ns and not 0 < one.gone_ns <= as_of_ns]
    return [replace(one, gone_ns=0, gone_by="") for one in there]


def find(desk: Desk, n: int) -> Paper | None:
    """One document, also one that was taken away."""
    with desk.reading() as connection:
        row = connection.execute(select(paper_row).where(paper_row.c.n == n)).first()
    return None if row is None else _paper(row)


def body_of(desk: Desk, paper: Paper) -> bytes:
    """A document itself."""
    with desk.reading() as connection:
        kept = connection.execute(select(paper_body.c.body).where(paper_body.c.sha256 == paper.sha256)).scalar_one()
    return bytes(kept)


def _paper(row: Row[tuple[object, ...]]) -> Paper:
    return Paper(**row._mapping)  # noqa: SLF001  SQLAlchemy's public name for it
