"""Telegraf's output: InfluxDB line protocol, and JSON one metric at a time or in a batch.

``modbus,host=gw1 temperature=21.4,hours=123i 1795328000000000000`` is the stream ``modbus`` of the asset that the tags
name. Integers end in ``i`` or ``u``, texts stand in quotation marks, ``t`` and ``f`` are truth values. JSON is
``{"name": …, "tags": {…}, "fields": {…}, "timestamp": …}`` or ``{"metrics": [ … ]}``.

```toml
[[source]]
name = "gateways"
topics = ["telegraf/#"]
decoder = "telegraf"
[source.options]
asset = "jeonju/gateways/{host}"
precision = "ns"
json_precision = "s"
```
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from connectors.decoders import _json
from connectors.decoders._lines import Line, as_json, head_of, read_lines
from connectors.decoders._plain import Plain
from connectors.decoders._shapes import Shapes
from connectors.decoders._streams import signal_name
from connectors.decoders._times import times_of
from connectors.decoders._values import Moment, ValueFrames, flat, moment_of
from twin.errors import DecodeError, IdError
from twin.ids import segment
from twin.message import Handled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from connectors.decoders._tree import Path
    from twin.decoder import Told
    from twin.message import Message
    from twin.sample import Block, Frames
    from twin.site import AssetType, Hub

MAX_METRICS = 10_000
_FIELD = re.compile(r"\{([^{}/]+)\}")


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``asset`` is filled from a metric's tags; ``{measurement}`` is its name. Tags that are not in it part streams.

    ``ignore`` names tags that mean nothing. ``precision`` is the unit of a line's time, ``json_precision`` that
    of ``timestamp`` (Telegraf's ``json_timestamp_units``).
    """

    asset: str = "telegraf/{host}"
    ignore: tuple[str, ...] = ()
    precision: Literal["ns", "us", "ms", "s"] = "ns"
    json_precision: Literal["ns", "us", "ms", "s"] = "s"

    def __post_init__(self) -> None:
        """Refuse what cannot work; msgspec reports it with its place."""
        if not self.asset or "{" in _FIELD.sub("", self.asset):
            raise ValueError(f"asset {self.asset!r}: a tag is written {{name}}")


class Decoder(Plain):
    """Telegraf's metrics. Mutable: see `Plain`."""

    def __init__(self, options: Options, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        super().__init__(source, hub, types)
        self._options = options
        self._values = ValueFrames(self.book)
        self._shapes = Shapes(as_json, head_of)
        self._in_asset = frozenset(_FIELD.findall(options.asset)) | set(options.ignore)

    def decode(self, message: Message) -> Iterable[Told]:
        """A frame for each metric of the message."""
        if message.retain and not message.payload:
            return [Handled("retained_cleared")]
        is_json = message.payload.lstrip()[:1] in (b"{", b"[")
        lines = self._json(message) if is_json else read_lines(message.payload)
        if not lines:
            return [Handled("empty_batch")]
        if len(lines) > MAX_METRICS:
            raise DecodeError("too_many_values", f"{len(lines)} metrics, at most {MAX_METRICS} are taken")
        unit = self._options.json_precision if is_json else self._options.precision
        now = moment_of(message)
        # Several lines of one message may tell of one stream at one time: then the place tells them apart.
        frames = [self._frame(line, unit, now._replace(seq=now.seq ^ place)) for place, line in enumerate(lines)]
        if len(frames) == 1 and self._shapes.wants(message):
            self._learn(message, frames[0], lines[0], is_json=is_json)
        return frames

    def decode_many(self, messages: Sequence[Message], max_rows: int) -> tuple[list[Block], list[int], int]:
        """See `twin.decoder.BulkDecoder`: messages of one metric with nothing but numbers are read at once."""
        return self._shapes.read(messages, max_rows, self.sequences, lambda _topic: "")

    def _learn(self, message: Message, frame: Frames, line: Line, *, is_json: bool) -> None:
        """Note a message of one metric, whose fields are not nested."""
        if not is_json:
            columns: dict[Path, str] = {(1, name): name for name in line.fields}
            time: Path | None = (2,)
            unit = self._options.precision
        else:
            body = _json.parse(message.payload)
            fields = body["fields"] if isinstance(body, dict) and "metrics" not in body else {}
            if not fields or any(isinstance(value, dict) for value in fields.values()):
                return
            columns = {("fields", key): signal_name(key) for key in fields}
            time = ("timestamp",) if body.get("timestamp") is not None else None
            unit = self._options.json_precision
        self._shapes.learn(
            message, frame.stream.id, frame.stream, columns, time=time, times=times_of(unit), nulls=is_json
        )

    def _frame(self, line: Line, unit: _json.TimeUnit, moment: Moment) -> Frames:
        if line.time is not None:
            moment = moment._replace(t_ns=_json.time_ns(line.time, unit, "timestamp"))
        rest = [f"{key}={value}" for key, value in sorted(line.tags.items()) if key not in self._in_asset]
        stream = ",".join([line.name, *rest])
        return self._values.frame(self._asset(line), stream, line.fields, moment)

    def _asset(self, line: Line) -> str:
        told = {"measurement": line.name, **line.tags}
        try:
            parts = []
            for level in self._options.asset.split("/"):
                missing = next((name for name in _FIELD.findall(level) if name not in told), None)
                if missing is not None:
                    raise DecodeError("schema", f"no tag {missing!r}, which names the asset")
                parts.append(segment(_FIELD.sub(lambda match: told[match[1]], level)))
        except IdError as error:
            raise DecodeError("name", str(error)) from error
        return "/".join(parts)

    def _json(self, message: Message) -> list[Line]:
        body = _json.parse(message.payload)
        metrics = body.get("metrics") if isinstance(body, dict) and "metrics" in body else body
        return [_metric(metric) for metric in (metrics if isinstance(metrics, list) else [metrics])]


def _metric(metric: Any) -> Line:
    if not isinstance(metric, dict):
        raise DecodeError("schema", f"{type(metric).__name__} where a metric belongs")
    name, tags, fields = metric.get("name"), metric.get("tags", {}), metric.get("fields")
    if not isinstance(name, str) or not name or not isinstance(fields, dict) or not isinstance(tags, dict):
        raise DecodeError("schema", "a metric has a name, fields and tags")
    told = {_json.text(key, "tag"): _json.text(value, f"tag {key}") for key, value in tags.items()}
    return Line(_json.text(name, "name"), told, flat(fields, "."), metric.get("timestamp"))
