"""Every text of a dataset, wherever it stands: papers, columns of words, metadata, messages, attachments."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcap.reader import make_reader

from connectors.archive.layout import arrow
from connectors.exporters.parquet import FRAMES, LABELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_STRING = "std_msgs/msg/String"


@dataclass(frozen=True, slots=True)
class Said:
    """One text of a dataset. ``of`` is the signal that said it, as ``asset:stream:name``; "" where none did."""

    file: str
    text: str
    of: str = ""


def texts_of(folder: Path, told: dict[str, Any]) -> Iterator[Said]:
    """Each text of each file, those that a signal said with its signal; ``told`` is the provenance.

    Raises what reading a damaged file raises.
    """
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".parquet":
            yield from _of_table(path, name, told)
        elif path.suffix == ".mcap":
            yield from _of_messages(path, name)
        else:
            yield Said(name, path.read_text("utf-8", errors="replace"))


def _of_table(path: Path, name: str, told: dict[str, Any]) -> Iterator[Said]:
    pa = arrow()
    import pyarrow.parquet as pq  # noqa: PLC0415  an extra

    signals = {}
    if name == FRAMES:
        signals = {str(one["column"]): f"{one['stream']}:{one['name']}" for one in told.get("words", ())}
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        yield from (Said(name, text) for text in _metadata(schema.metadata))
        yield from (Said(name, one.name) for one in schema)
        for one in schema:
            yield from (Said(name, text) for text in _metadata(one.metadata))
        columns = [one.name for one in schema if _has_words(pa, one.type)]
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=columns)
            for column in columns:
                for text in _distinct(table[column].to_pylist()):
                    yield Said(name, text, signals.get(column, ""))


def _has_words(pa: Any, kind: Any) -> bool:
    return bool(
        pa.types.is_string(kind)
        or (pa.types.is_list(kind) and _has_words(pa, kind.value_type))
        or (pa.types.is_struct(kind) and any(_has_words(pa, field.type) for field in kind))
    )


def _distinct(values: Iterable[Any]) -> set[str]:
    found: set[str] = set()
    for one in values:
        if isinstance(one, str):
            found.add(one)
        elif isinstance(one, list | dict):
            found |= _distinct(one.values() if isinstance(one, dict) else one)
    return found


def _metadata(metadata: Any) -> Iterator[str]:
    for key, value in (metadata or {}).items():
        yield key.decode("utf-8", "replace")
        yield value.decode("utf-8", "replace")


def _of_messages(path: Path, name: str) -> Iterator[Said]:
    with path.open("rb") as file:
        reader = make_reader(file)
        for record in reader.iter_metadata():
            yield from (Said(name, text) for text in (record.name, *record.metadata, *record.metadata.values()))
        for attached in reader.iter_attachments():
            yield from (Said(name, text) for text in (attached.name, attached.data.decode("utf-8", "replace")))
        seen: set[tuple[int, bytes]] = set()
        for schema, channel, message in reader.iter_messages(log_time_order=False):
            if (channel.id, b"") not in seen:
                seen.add((channel.id, b""))
                yield from (Said(name, text) for text in (channel.topic, *channel.metadata.values()))
            if schema is None or schema.name != _STRING or (channel.id, message.data) in seen:
                continue
            seen.add((channel.id, message.data))
            (length,) = struct.unpack_from("<I", message.data, 4)
            text = message.data[8 : 8 + length].rstrip(b"\0").decode("utf-8", "replace")
            yield Said(name, text, f"{channel.metadata.get('stream', '')}:{channel.metadata.get('signal', '')}")


def annotators_of(folder: Path, told: dict[str, Any]) -> Iterator[Said]:
    """Who said each label, as far as a dataset tells it."""
    if told["format"] == "parquet":
        arrow()
        import pyarrow.parquet as pq  # noqa: PLC0415  an extra

        table = pq.read_table(folder / LABELS)
        if "annotator" in table.schema.names:
            yield from (Said(LABELS, text) for text in _distinct(table["annotator"].to_pylist()))
    elif told["format"] == "mcap":
        for name in (str(one["file"]) for one in told["episodes"]):
            with (folder / name).open("rb") as file:
                for attached in make_reader(file).iter_attachments():
                    labels = json.loads(attached.data).get("labels", [])
                    yield from (Said(name, text) for text in _distinct(one.get("annotator") for one in labels))
