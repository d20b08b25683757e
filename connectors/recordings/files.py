"""Recordings as files: JSON Lines and MCAP, both whole: batches, ticks, frames and what the streams are.

A file ends with the hash that its replay comes to (`twin.recording.fingerprint`), and is refused where
its content comes to another one.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from mcap.exceptions import McapError
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer
from zstandard import ZstdError

from connectors.stores._codec import decode_stream, encode_signals
from twin.errors import RecordingError
from twin.recording import WRITER, Fingerprint, Recording, fingerprint
from twin.sample import Batch, Frames, Stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FORMAT, VERSION = "factory-twin recording", 1
PROFILE = "factory-twin"
BATCH_TOPIC = "factory-twin/batch"
JSONL, MCAP = ".jsonl", ".mcap"
_encode = msgspec.json.Encoder().encode
_BATCH_SCHEMA = {
    "type": "object",
    "title": "factory_twin.Batch",
    "properties": {"n": {"type": "integer"}, "tick_ns": {"type": "integer"}},
    "required": ["n", "tick_ns"],
}


@dataclass(frozen=True, slots=True)
class Read:
    """What a file holds."""

    recording: Recording
    batches: list[Batch]
    print: Fingerprint


def write(path: Path, recording: Recording, batches: Iterable[Batch]) -> Fingerprint:
    """Write a recording's file, JSON Lines or MCAP by its name's end; returns what it holds."""
    kept = list(batches)
    made = fingerprint(kept)
    head = {"format": FORMAT, "version": VERSION, "recording": asdict(recording), "sha256": made.sha256}
    if path.suffix == JSONL:
        with path.open("wb") as file:
            file.writelines(line + b"\n" for line in _lines(head, kept))
    elif path.suffix == MCAP:
        _write_mcap(path, head, kept)
    else:
        raise RecordingError(f"{path.name}: a recording's file ends with {JSONL} or {MCAP}")
    return made


def read(path: Path) -> Read:
    """Read a recording's file; raises RecordingError where it is none, is cut off, or was changed."""
    try:
        if path.suffix == MCAP:
            head, batches = _read_mcap(path)
        elif path.suffix == JSONL:
            head, batches = _read_lines(path)
        else:
            raise RecordingError(f"{path.name}: a recording's file ends with {JSONL} or {MCAP}")
        told = head["recording"]
        recording = Recording(**{**told, "tags": tuple(told["tags"])})
        sha256 = str(head["sha256"])
    except (KeyError, TypeError, ValueError, IndexError, OSError) as error:
        raise RecordingError(f"{path} is no recording that can be read: {error}") from error
    made = fingerprint(batches)
    if made.sha256 != sha256:
        raise RecordingError(f"{path} was changed or cut off: it comes to {made.sha256}, not to {sha256}")
    return Read(recording, batches, made)


def _lines(head: dict[str, Any], batches: list[Batch]) -> Iterator[bytes]:
    streams = {part.stream.id: part.stream for batch in batches for part in batch.frames}
    places = {stream: place for place, stream in enumerate(sorted(streams))}
    yield _encode({**head, "streams": [_stream(streams[name]) for name in sorted(streams)]})
    for batch in batches:
        parts = [{"stream": places[part.stream.id], **_columns(part)} for part in batch.frames]
        yield _encode({"n": batch.n, "tick_ns": batch.tick_ns, "frames": parts})
    yield _encode({"end": len(batches)})


def _read_lines(path: Path) -> tuple[dict[str, Any], list[Batch]]:
    with path.open("rb") as file:
        head = _head(json.loads(file.readline() or b"{}"))
        streams = [_stream_of(one) for one in head["streams"]]
        batches: list[Batch] = []
        for line in file:
            row = json.loads(line)
            if "end" in row:
                return head, batches
            parts = tuple(_frames(streams[one["stream"]], one) for one in row["frames"])
            batches.append(Batch(WRITER, int(row["n"]), int(row["tick_ns"]), parts))
    raise ValueError("its end is missing")


def _write_mcap(path: Path, head: dict[str, Any], batches: list[Batch]) -> None:
    with path.open("wb") as file:
        writer = Writer(file, compression=CompressionType.ZSTD)
        writer.start(profile=PROFILE, library="factory-twin")
        schema = writer.register_schema("factory_twin.Batch", "jsonschema", _encode(_BATCH_SCHEMA))
        cuts = writer.register_channel(BATCH_TOPIC, "json", schema)
        channels: dict[str, int] = {}
        for batch in batches:
            at_ns = max(batch.tick_ns, 0)
            body = _encode({"n": batch.n, "tick_ns": batch.tick_ns})
            writer.add_message(cuts, at_ns, body, at_ns, batch.n)
            for part in batch.frames:
                stream = part.stream
                if stream.id not in channels:
                    of = writer.register_schema(stream.id, "jsonschema", _encode(_schema(stream)))
                    told = {"stream": _encode(_stream(stream)).decode()}
                    channels[stream.id] = writer.register_channel(stream.id, "json", of, told)
                for row in _rows(part):
                    t_ns = max(int(row["t_ns"]), 0)
                    writer.add_message(channels[stream.id], at_ns, _encode(row), t_ns, batch.n)
        writer.add_metadata("factory-twin", {name: _encode(value).decode() for name, value in head.items()})
        writer.finish()  # type: ignore[no-untyped-call]  # the package's own lack


def _read_mcap(path: Path) -> tuple[dict[str, Any], list[Batch]]:
    batches: list[Batch] = []
    parts: dict[str, list[dict[str, Any]]] = {}
    streams: dict[str, Stream] = {}
    cut: dict[str, Any] | None = None

    def close() -> None:
        if cut is not None:
            gathered = tuple(_gathered(streams[name], parts[name]) for name in sorted(parts))
            batches.append(Batch(WRITER, int(cut["n"]), int(cut["tick_ns"]), gathered))

    try:
        with path.open("rb") as file:
            reader = make_reader(file, validate_crcs=True)
            found = [one.metadata for one in reader.iter_metadata() if one.name == "factory-twin"]
            head = _head({name: json.loads(text) for name, text in found[0].items()})
            for _, channel, message in reader.iter_messages(log_time_order=False):
                row = json.loads(message.data)
                if channel.topic == BATCH_TOPIC:
                    close()
                    cut, parts = row, {}
                    continue
                if channel.topic not in streams:
                    streams[channel.topic] = _stream_of(json.loads(channel.metadata["stream"]))
                parts.setdefault(channel.topic, []).append(row)
            close()
    except (McapError, struct.error, ZstdError) as error:
        raise ValueError(str(error)) from error
    return head, batches


def _head(row: dict[str, Any]) -> dict[str, Any]:
    if row.get("format") != FORMAT:
        raise ValueError(f"it does not say that it is a {FORMAT}")
    if row["version"] != VERSION:
        raise ValueError(f"it has version {row['version']}, this program reads {VERSION}")
    return row


def _stream(stream: Stream) -> dict[str, Any]:
    return {
        "id": stream.id,
        "source": stream.source,
        "sequenced": stream.sequenced,
        "period_s": stream.period_s,
        "columns": encode_signals(stream.columns),
        "text_columns": encode_signals(stream.text_columns),
    }


def _stream_of(told: dict[str, Any]) -> Stream:
    names = ("id", "source", "sequenced", "period_s", "columns", "text_columns")
    return decode_stream(*(told[name] for name in names))


def _cells(part: Frames) -> list[list[float | None]]:
    """Values, absent ones null; JSON's shortest digits are exact."""
    return [[None if x != x else x for x in row] for row in (part.values + 0.0).tolist()]  # noqa: PLR0124  NaN


def _columns(part: Frames) -> dict[str, Any]:
    return {
        "t_ns": part.t_ns.tolist(),
        "seq": part.seq.tolist(),
        "received_ns": part.received_ns.tolist(),
        "quality": part.quality.tolist(),
        "values": _cells(part),
        "texts": part.texts,
    }


def _frames(stream: Stream, told: dict[str, Any]) -> Frames:
    return Frames(
        stream,
        np.array(told["t_ns"], np.int64),
        np.array(told["seq"], np.int64),
        np.array(told["received_ns"], np.int64),
        np.array(told["values"], np.float64).reshape(len(told["t_ns"]), stream.width),
        np.array(told["quality"], np.int16),
        tuple(map(tuple, told["texts"])),
    )


def _rows(part: Frames) -> Iterator[dict[str, Any]]:
    numbers = [signal.name for signal in part.stream.columns]
    words = [signal.name for signal in part.stream.text_columns]
    for row, cells in enumerate(_cells(part)):
        yield {
            "t_ns": int(part.t_ns[row]),
            "seq": int(part.seq[row]),
            "received_ns": int(part.received_ns[row]),
            "quality": int(part.quality[row]),
            "values": dict(zip(numbers, cells, strict=True)),
            "texts": dict(zip(words, part.texts[row] if words else (), strict=True)),
        }


def _gathered(stream: Stream, rows: list[dict[str, Any]]) -> Frames:
    numbers = [signal.name for signal in stream.columns]
    words = [signal.name for signal in stream.text_columns]
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in ("t_ns", "seq", "received_ns", "quality")}
    columns["values"] = [[row["values"][name] for name in numbers] for row in rows]
    columns["texts"] = [[row["texts"][name] for name in words] for row in rows] if words else []
    return _frames(stream, columns)


def _schema(stream: Stream) -> dict[str, Any]:
    """The JSON schema of a stream's messages."""
    integer = {"type": "integer"}
    numbers = {signal.name: {"type": ["number", "null"], "description": signal.unit} for signal in stream.columns}
    words = {signal.name: {"type": ["string", "null"]} for signal in stream.text_columns}
    return {
        "type": "object",
        "title": stream.id,
        "properties": {
            **dict.fromkeys(("t_ns", "seq", "received_ns", "quality"), integer),
            "values": {"type": "object", "properties": numbers},
            "texts": {"type": "object", "properties": words},
        },
    }
