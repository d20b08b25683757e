"""Recorded files out to a broker: captures as they are, CSV rows as JSON messages by a mapping.

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

import csv
import math
import secrets
import time
import tomllib
from typing import TYPE_CHECKING, Literal

import msgspec

from connectors.decoders._json import time_ns
from connectors.publish import Publisher
from connectors.sources.capture import read_capture
from twin.clock import NS_PER_MS, NS_PER_S
from twin.errors import ConfigError, DecodeError, Mistake, SourceError
from twin.message import Message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DRAIN_S = 30.0


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


class Published(msgspec.Struct):
    """What `publish_file` did; ``skipped`` rows by reason."""

    rows: int = 0
    published: int = 0
    acknowledged: int = 0
    skipped: dict[str, int] = {}


def read_mapping(path: Path) -> Mapping:
    """Read a mapping file; raises ConfigError."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Mapping)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError((Mistake("map", str(error)),), str(path)) from error


def publish_file(path: Path, url: str, rate: float | None, mapping: Path | None = None) -> Published:
    """Publish a capture or CSV file; ``rate`` times its own pace, None as fast as the broker takes it."""
    result = Published(skipped={})
    if path.suffix == ".csv":
        if mapping is None:
            raise ConfigError((Mistake("--map", "a CSV file needs a mapping", "see docs/how-to/publish-a-csv.md"),))
        messages = read_csv(path, read_mapping(mapping), result)
    else:
        messages = _counted(read_capture(path), result)
    publisher = Publisher(url, f"factory-twin-publish-{secrets.token_hex(4)}", durable=False)
    try:
        publisher.wait_connected()
        _send(messages, publisher, rate, result)
        deadline = time.monotonic() + DRAIN_S
        while publisher.unacknowledged and time.monotonic() < deadline:
            result.acknowledged += len(publisher.acknowledged())
            time.sleep(0.01)
    finally:
        publisher.close()
    return result


def _counted(messages: Iterator[Message], result: Published) -> Iterator[Message]:
    for message in messages:
        result.rows += 1
        yield message


def _send(messages: Iterator[Message], publisher: Publisher, rate: float | None, result: Published) -> None:
    began_s, first_ns = time.monotonic(), None
    for message in messages:
        if rate is not None:
            first_ns = message.received_ns if first_ns is None else first_ns
            due_s = began_s + (message.received_ns - first_ns) / NS_PER_S / rate
            pause_s = due_s - time.monotonic()
            if pause_s > 0:
                time.sleep(pause_s)
        publisher.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)
        result.published += 1
        result.acknowledged += len(publisher.acknowledged())


def read_csv(path: Path, mapping: Mapping, result: Published) -> Iterator[Message]:
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
                result.rows += 1
                message = _row_message(row, at, mapping, result)
                if message is not None:
                    yield message
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: {error}") from error


def _row_message(row: list[str], at: dict[str, int], mapping: Mapping, result: Published) -> Message | None:
    def cell(name: str) -> str:
        i = at[name]
        return row[i].strip() if i < len(row) else ""

    stamp = cell(mapping.time).strip('"')
    try:
        told: object = stamp if mapping.time_unit == "iso" else float(stamp.replace(mapping.decimal, "."))
        t_ns = time_ns(told, mapping.time_unit, mapping.time)
    except (DecodeError, ValueError):
        result.skipped["no_time"] = result.skipped.get("no_time", 0) + 1
        return None
    fields: dict[str, object] = {}
    for name, column in mapping.columns.items():
        text = cell(name)
        fields[column.field] = _cell(text, column.kind, mapping.decimal)
    if all(value is None for value in fields.values()):
        result.skipped["no_values"] = result.skipped.get("no_values", 0) + 1
        return None
    body: dict[str, object] = {"ts": t_ns // NS_PER_MS}
    if mapping.seq:
        try:
            body["seq"] = int(cell(mapping.seq))
        except ValueError:
            result.skipped["no_seq"] = result.skipped.get("no_seq", 0) + 1
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
