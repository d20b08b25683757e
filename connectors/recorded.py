"""Reading recorded files: captures (one message a line) and CSV tables (rows become JSON messages).

A capture is JSONL: one object a line with ``ts`` (s UTC), ``topic``, ``qos``, ``retain``, ``payload_b64``.
A mapping is a TOML file:

```toml
topic = "ur3/cobot/joints"
delimiter = ";"
decimal = ","
time = "Timestamp"          # column with the time; ISO 8601 or a number
time_unit = "iso"
seq = "Num"                 # optional: column with the row number
[columns]                   # CSV column → field of the JSON object
"Current_J0" = { field = "current_0" }
"grip_lost" = { field = "grip_lost", kind = "flag" }
```
"""

from __future__ import annotations

import base64
import csv
import math
import tomllib
from typing import TYPE_CHECKING, Literal

import msgspec

from connectors.decoders._json import time_ns
from twin.clock import NS_PER_MS
from twin.errors import ConfigError, DecodeError, Mistake, SourceError
from twin.message import Message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a CSV column goes. ``number`` by default; ``flag`` reads True/False, ``text`` takes it as it is."""

    field: str
    kind: Literal["number", "flag", "text"] = "number"


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the rows of a CSV file become JSON messages."""

    topic: str
    time: str
    columns: dict[str, Column]
    time_unit: Literal["s", "ms", "us", "ns", "iso"] = "iso"
    seq: str = ""
    delimiter: str = ","
    decimal: str = "."


class Tally(msgspec.Struct):
    """Rows read so far, and the skipped ones by reason. Mutable; the reader counts."""

    rows: int = 0
    skipped: dict[str, int] = {}


def read_mapping(path: Path) -> Mapping:
    """Read a mapping file; raises ConfigError."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Mapping)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError((Mistake("map", str(error)),), str(path)) from error


def read_recorded(path: Path, mapping: Path | None, tally: Tally) -> Iterator[Message]:
    """The messages of a capture, or of a CSV file by its mapping; raises SourceError or ConfigError."""
    if path.suffix != ".csv":
        return read_capture(path, tally)
    if mapping is None:
        raise ConfigError((Mistake("map", "a CSV file needs a mapping", "see docs/how-to/publish-a-csv.md"),))
    return read_csv(path, read_mapping(mapping), tally)


class Line(msgspec.Struct):
    """One captured message; ``ts`` is the receive time in seconds UTC."""

    ts: float
    topic: str
    payload_b64: str
    qos: int = 0
    retain: int = 0

    def message(self) -> Message:
        """The message as it arrived."""
        return Message(
            self.topic, base64.b64decode(self.payload_b64), round(self.ts * 1e9), self.qos, bool(self.retain)
        )


def read_capture(path: Path, tally: Tally) -> Iterator[Message]:
    """The messages of a JSONL capture; raises SourceError with the line that cannot be read."""
    decoder = msgspec.json.Decoder(Line)
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    tally.rows += 1
                    try:
                        yield decoder.decode(line).message()
                    except (msgspec.DecodeError, ValueError) as error:
                        raise SourceError(f"{path}, line {number}: {error}") from error
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error


def read_csv(path: Path, mapping: Mapping, tally: Tally) -> Iterator[Message]:
    """The rows as JSON messages, QoS 1; a row without time, sequence (if mapped) or any value is skipped and counted.

    Raises SourceError when the file cannot be read or misses a mapped column. Header cells are
    compared without blanks around them.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, delimiter=mapping.delimiter)
            header = [cell.strip() for cell in next(rows, [])]
            wanted = [mapping.time, *mapping.columns, *([mapping.seq] if mapping.seq else [])]
            missing = [name for name in wanted if name.strip() not in header]
            if missing:
                raise SourceError(f"{path}: no column {missing[0]!r}; there are: {', '.join(filter(None, header))}")
            at = {name: header.index(name.strip()) for name in wanted}
            for row in rows:
                tally.rows += 1
                message = _row_message(row, at, mapping, tally)
                if message is not None:
                    yield message
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: {error}") from error


def _row_message(row: list[str], at: dict[str, int], mapping: Mapping, tally: Tally) -> Message | None:
    def cell(name: str) -> str:
        i = at[name]
        return row[i].strip() if i < len(row) else ""

    stamp = cell(mapping.time).strip('"')
    try:
        told: object = stamp if mapping.time_unit == "iso" else float(stamp.replace(mapping.decimal, "."))
        t_ns = time_ns(told, mapping.time_unit, mapping.time)
    except (DecodeError, ValueError):
        tally.skipped["no_time"] = tally.skipped.get("no_time", 0) + 1
        return None
    fields: dict[str, object] = {}
    for name, column in mapping.columns.items():
        text = cell(name)
        fields[column.field] = _cell(text, column.kind, mapping.decimal)
    if all(value is None for value in fields.values()):
        tally.skipped["no_values"] = tally.skipped.get("no_values", 0) + 1
        return None
    body: dict[str, object] = {"ts": t_ns // NS_PER_MS}
    if mapping.seq:
        try:
            body["seq"] = int(cell(mapping.seq))
        except ValueError:
            tally.skipped["no_seq"] = tally.skipped.get("no_seq", 0) + 1
            return None
    return Message(mapping.topic, msgspec.json.encode({**body, **fields}), t_ns, 1)


def _cell(text: str, kind: str, decimal: str) -> object:
    if not text or text.lower() in ("nan", "null", "none"):
        return None
    if kind == "text":
        return text
    if kind == "flag":
        return text.lower() in ("true", "1", "yes")
    try:
        value = float(text.replace(decimal, ".") if decimal != "." else text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text
