"""Values, texts and streams ⇄ what a database column holds."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.message import DeadLetter
from twin.sample import Frames, Kind, Role, Signal, Stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from twin.ports import FindingCount, Newcomer

PAYLOAD_CAP = 64 * 1024
"""How much of a dead letter's payload is kept, in bytes; its digest is of the whole."""

NAME_CAP = 500
DETAIL_CAP = 2000
EXAMPLE_CAP = 1000
"""How much of a finding is kept: characters of its names and detail, bytes of its example."""

_SIGNAL_DEFAULTS = asdict(Signal(""))


def has_negative_zero(values: NDArray[np.float64]) -> bool:
    """Whether any value is −0.0, which is stored (and hashed, and folded) as 0.0."""
    return bool(np.any((values == 0.0) & np.signbit(values)))


def canonical(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A copy with −0.0 as 0.0 and every absent value as the one NaN."""
    clean = values + 0.0
    clean[np.isnan(clean)] = np.nan
    return clean


def pack(values: NDArray[np.float64]) -> list[bytes]:
    """Rows (n, width) → one blob a row: presence bits (first column lowest), then the present float64s.

    The bits and the numbers are little-endian, whatever the machine is.
    """
    count, width = values.shape
    if width == 0:
        return [b""] * count
    head = (width + 7) // 8
    absent = np.isnan(values)
    size = head + 8 * width
    rows = np.empty((count, size), np.uint8)
    rows[:, :head] = np.packbits(~absent, axis=1, bitorder="little")
    rows[:, head:] = np.ascontiguousarray(values + 0.0, "<f8").view(np.uint8)
    if not absent.any():
        packed: list[bytes] = rows.view(f"V{size}").ravel().tolist()
        return packed
    keep = np.ones((count, size), np.bool_)
    keep[:, head:] = np.repeat(~absent, 8, axis=1)
    flat = rows[keep].tobytes()
    ends = np.cumsum(keep.sum(axis=1)).tolist()
    return [flat[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def unpack(blobs: Sequence[bytes], width: int) -> NDArray[np.float64]:
    """What `pack` made → float64 (n, width), NaN where absent."""
    count = len(blobs)
    if width == 0 or count == 0:
        return np.empty((count, width), np.float64)
    head = (width + 7) // 8
    size = head + 8 * width
    joined = b"".join(blobs)
    if len(joined) == count * size:
        # Only rows with every value present are this long, and none can be longer.
        rows = np.frombuffer(joined, np.uint8).reshape(count, size)
        return np.ascontiguousarray(rows[:, head:]).view("<f8").astype(np.float64, copy=False)
    bits = np.frombuffer(b"".join([blob[:head] for blob in blobs]), np.uint8).reshape(count, head)
    present = np.unpackbits(bits, axis=1, count=width, bitorder="little").astype(np.bool_)
    values = np.full((count, width), np.nan)
    values[present] = np.frombuffer(b"".join([blob[head:] for blob in blobs]), "<f8")
    return values


def to_lists(values: NDArray[np.float64]) -> list[list[float | None]]:
    """Rows (n, width) → lists with None where absent (a float8[] with NULLs)."""
    return [[None if x != x else x for x in row] for row in (values + 0.0).tolist()]  # noqa: PLR0124  NaN is not itself


def from_lists(rows: Sequence[Sequence[float | None]], width: int) -> NDArray[np.float64]:
    """What `to_lists` made → float64 (n, width), NaN where absent."""
    return np.array(rows, np.float64).reshape(len(rows), width)


@lru_cache(maxsize=4096)
def encode_texts(row: tuple[str | None, ...]) -> str:
    """One row of texts as a JSON array, exact for any Unicode text, lone surrogates too."""
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(row, separators=(",", ":"))
    return text


@lru_cache(maxsize=4096)
def decode_texts(text: str) -> tuple[str | None, ...]:
    """What `encode_texts` made."""
    return tuple(json.loads(text))


@lru_cache(maxsize=4096)
def encode_signals(signals: tuple[Signal, ...]) -> str:
    """Signals as a JSON array of objects, fields at their defaults left out."""
    rows = [
        {key: value for key, value in asdict(signal).items() if key == "name" or value != _SIGNAL_DEFAULTS[key]}
        for signal in signals
    ]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def decode_signals(text: str) -> tuple[Signal, ...]:
    """What `encode_signals` made."""
    return tuple(
        Signal(**{**row, "kind": Kind(row.get("kind", Kind.GAUGE)), "role": Role(row.get("role", Role.NONE))})
        for row in json.loads(text)
    )


@lru_cache(maxsize=16384)
def decode_stream(  # noqa: PLR0913  one argument a column
    id_: str,
    source: str,
    sequenced: bool,  # noqa: FBT001  as the database gives it
    period_s: float | None,
    columns: str,
    text_columns: str,
) -> Stream:
    """A row of the table `stream` → the stream."""
    return Stream(id_, decode_signals(columns), decode_signals(text_columns), bool(sequenced), period_s, source)


def same_columns(one: Stream, other: Stream) -> bool:
    """Whether rows of both streams mean the same: as many columns, of the same names and units, in order."""
    return [(s.name, s.unit) for s in one.columns] == [(s.name, s.unit) for s in other.columns] and [
        s.name for s in one.text_columns
    ] == [s.name for s in other.text_columns]


def same_rows(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows (n, width) have equal values, absent where the other is absent: bool (n,)."""
    same: NDArray[np.bool_] = ((one == other) | (np.isnan(one) & np.isnan(other))).all(axis=1)
    return same


def conflict_letter(
    part: Frames, row: int, kept: NDArray[np.float64], kept_texts: tuple[str | None, ...]
) -> DeadLetter:
    """The dead letter of a frame whose key is taken by other values; its payload holds both, as JSON."""
    t_ns, seq = int(part.t_ns[row]), int(part.seq[row])
    payload: dict[str, Any] = {
        "kept": {"texts": kept_texts, "values": to_lists(kept.reshape(1, -1))[0]},
        "refused": {
            "texts": part.texts[row] if part.texts else (),
            "values": to_lists(part.values[row].reshape(1, -1))[0],
        },
        "seq": seq,
        "stream": part.stream.id,
        "t_ns": t_ns,
    }
    return DeadLetter(
        source=part.stream.source,
        topic=part.stream.id,
        reason="key_conflict",
        detail=f"{part.stream.id} has other values at t_ns {t_ns}, seq {seq}",
        payload=json.dumps(payload, separators=(",", ":"), sort_keys=True).encode(),
        received_ns=int(part.received_ns[row]),
    )


def clean_letter(letter: DeadLetter) -> DeadLetter:
    """The letter with words that every database takes: no NUL, no lone surrogate."""
    return replace(
        letter,
        source=_clean(letter.source),
        topic=_clean(letter.topic),
        reason=_clean(letter.reason),
        detail=_clean(letter.detail),
    )


def clean_newcomer(one: Newcomer) -> Newcomer:
    """The same with words that every database takes."""
    told = (one.asset_type, one.name, one.attributes, one.streams, one.publisher)
    asset_type, name, attributes, streams, publisher = map(_clean, told)
    return replace(
        one,
        topic=_clean(one.topic),
        signals=_clean(one.signals),
        asset_type=asset_type,
        name=name,
        attributes=attributes,
        streams=streams,
        publisher=publisher,
    )


def clean_finding(one: FindingCount) -> FindingCount:
    """The same with words that every database takes, and of bounded length."""
    return replace(
        one,
        device=_clean(one.device)[:NAME_CAP],
        rule=_clean(one.rule)[:NAME_CAP],
        detail=_clean(one.detail)[:DETAIL_CAP],
        topic=_clean(one.topic),
        payload=one.payload[:EXAMPLE_CAP],
    )


def _clean(text: str) -> str:
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
