"""Samples → Sparkplug B: an edge node with devices, as simulated plants speak it. The inverse of the decoder.

Pure: it makes topics and payloads, and another sends them (births and data at QoS 0, the will at QoS 1,
nothing retained).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connectors.decoders._sparkplug.proto import Payload
from connectors.decoders._sparkplug.rules import BDSEQ, REBIRTH
from connectors.decoders._sparkplug.topics import NAMESPACE, Verb, command_topic, read_topic
from connectors.decoders._sparkplug.unwrap import unwrapped
from connectors.decoders._sparkplug.values import Datatype
from twin.clock import NS_PER_MS
from twin.errors import DecodeError
from twin.packml import state_named
from twin.sample import Kind, Role
from twin.units import symbol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from twin.sample import Frames, Signal, Stream

STATE_METRIC, MODE_METRIC = "Status/StateCurrent", "Status/UnitModeCurrent"
MODULUS = 256
MAX_COMMAND = 1_000_000
_MODES = {"Invalid": 0, "Production": 1, "Maintenance": 2, "Manual": 3}


@dataclass(frozen=True, slots=True)
class Metric:
    """A signal as a metric. ``alias`` is unique in the node."""

    name: str
    alias: int
    datatype: Datatype
    signal: Signal


def metric_of(signal: Signal, alias: int) -> Metric:
    """How a signal is told: a PackML state and mode by their tags and numbers, the rest by name."""
    if signal.role is Role.STATE and signal.kind.is_text:
        return Metric(STATE_METRIC, alias, Datatype.INT32, signal)
    if signal.role is Role.MODE and signal.kind.is_text:
        return Metric(MODE_METRIC, alias, Datatype.INT32, signal)
    kinds = {
        Kind.FLAG: Datatype.BOOLEAN,
        Kind.COUNTER: Datatype.INT64,
        Kind.STATE: Datatype.STRING,
        Kind.TEXT: Datatype.STRING,
    }
    name = signal.source_name or signal.name.replace(".", "/")
    return Metric(name, alias, kinds.get(signal.kind, Datatype.DOUBLE), signal)


def mode_number(text: str) -> int:
    """UnitModeCurrent of a mode's name; 0 (Invalid) for one that PackML does not number."""
    return _MODES.get(text, 0)


class Edge:
    """One edge node. Mutable: its session's number, its sequence, and what its devices sent last.

    ``devices`` gives the streams of each. ``on_change`` sends only what changed.
    """

    def __init__(
        self,
        group: str,
        node: str,
        devices: Mapping[str, Sequence[Stream]],
        *,
        on_change: bool = False,
        bdseq: int = -1,
    ) -> None:
        self.group, self.node = group, node
        self.bdseq = bdseq
        """The session's number, -1 before the first `will`: keep it, for it must go up with every connection."""
        self._on_change = on_change
        self._seq = 0
        self._metrics: dict[str, dict[str, Metric]] = {}
        self._last: dict[str, dict[str, Any]] = {}
        self._dead: set[str] = set()
        alias = 0
        for device, streams in devices.items():
            found = self._metrics.setdefault(device, {})
            self._last[device] = {}
            for stream in streams:
                for signal in stream.signals:
                    found[signal.name] = metric_of(signal, alias)
                    alias += 1

    @property
    def command_topic(self) -> str:
        """What it must subscribe before it connects for good (tck-id-message-flow-edge-node-ncmd-subscribe)."""
        return command_topic(self.group, self.node)

    def will(self) -> tuple[str, bytes]:
        """The will of the connection that comes next, and the session's number goes up; call it before each connect."""
        self.bdseq = (self.bdseq + 1) % MODULUS
        return self._topic(Verb.NDEATH), self._death()

    def births(self, t_ns: int) -> list[tuple[str, bytes]]:
        """What it says once connected, and whenever it is asked: its own birth, then its devices'."""
        if self.bdseq < 0:
            self.will()
        self._seq = -1
        payload = self._payload(t_ns)
        t_ms = t_ns // NS_PER_MS
        payload.metrics.add(name=BDSEQ, timestamp=t_ms, datatype=Datatype.INT64, long_value=self.bdseq)
        payload.metrics.add(name=REBIRTH, timestamp=t_ms, datatype=Datatype.BOOLEAN, boolean_value=False)
        found = [(self._topic(Verb.NBIRTH), _bytes(payload))]
        return found + [self.device_birth(device, t_ns) for device in self._metrics if device not in self._dead]

    def device_birth(self, device: str, t_ns: int) -> tuple[str, bytes]:
        """A device is there: all its metrics, with name, alias, datatype, unit and what was sent last."""
        self._dead.discard(device)
        payload = self._payload(t_ns)
        for name, metric in self._metrics[device].items():
            told = payload.metrics.add(
                name=metric.name, alias=metric.alias, timestamp=t_ns // NS_PER_MS, datatype=metric.datatype
            )
            _set(told, metric, self._last[device].get(name))
            _describe(told, metric.signal)
        return self._topic(Verb.DBIRTH, device), _bytes(payload)

    def device_death(self, device: str, t_ns: int) -> tuple[str, bytes]:
        """A device is gone."""
        self._dead.add(device)
        return self._topic(Verb.DDEATH, device), _bytes(self._payload(t_ns))

    def death(self) -> tuple[str, bytes]:
        """What it says before it disconnects on purpose; the will of this session (tck-id-payloads-ndeath-bdseq)."""
        return self._topic(Verb.NDEATH), self._death()

    def data(self, device: str, part: Frames) -> Iterator[tuple[str, bytes, slice]]:
        """(topic, payload, rows): a message a frame; none for a frame in which nothing changed."""
        for topic, payload, told in self.data_many(device, part, 1):
            yield topic, payload, slice(told[0], told[0] + 1)

    def data_many(
        self, device: str, part: Frames, rows: int, *, historical: bool = False
    ) -> Iterator[tuple[str, bytes, list[int]]]:
        """(topic, payload, rows told): up to ``rows`` frames a message, each metric with its own time.

        ``historical`` is what was kept while the host was away (tck-id-payloads-metric-is-historical…): all of
        a frame is told, and what was sent last stays what it was.
        """
        metrics, last = self._metrics[device], self._last[device]
        columns = part.values.tolist()
        payload, told = None, list[int]()
        for row, t_ns in enumerate(part.t_ns.tolist()):
            values = _values(part, row, columns[row])
            if not historical:
                changed = {k: v for k, v in values.items() if not self._on_change or last.get(k) != v}
                last.update(values)
                values = changed
            if values:
                if payload is None:
                    payload = self._payload(t_ns)
                payload.timestamp = t_ms = t_ns // NS_PER_MS
                told.append(row)
                for name, value in values.items():
                    metric = metrics[name]
                    added = payload.metrics.add(alias=metric.alias, timestamp=t_ms)
                    _set(added, metric, value)
                    if historical:
                        added.is_historical = True
            if payload is not None and (len(told) == rows or row == len(part) - 1):
                yield self._topic(Verb.DDATA, device), _bytes(payload), told
                payload, told = None, []

    def last(self, device: str) -> Mapping[str, Any]:
        """What was sent last of a device, by signal name."""
        return self._last[device]

    def note(self, device: str, part: Frames) -> None:
        """Take a part's last frame for what was sent last, without sending it: the next birth tells it."""
        row = len(part) - 1
        self._last[device].update(_values(part, row, part.values[row].tolist()))

    def hear(self, topic: str, body: bytes, t_ns: int) -> list[tuple[str, bytes]]:
        """What it answers to a command: its births, where they are asked for; nothing to anything else."""
        try:
            read = read_topic(topic)
            payload = unwrapped(body, MAX_COMMAND)
        except DecodeError:
            return []
        if read.verb is not Verb.NCMD or read.key != f"{self.group}/{self.node}":
            return []
        asked = any(metric.name == REBIRTH and metric.boolean_value for metric in payload.metrics)
        return self.births(t_ns) if asked else []

    def _topic(self, verb: Verb, device: str = "") -> str:
        return f"{NAMESPACE}/{self.group}/{verb}/{self.node}" + (f"/{device}" if device else "")

    def _payload(self, t_ns: int) -> Any:
        self._seq = (self._seq + 1) % MODULUS
        return Payload(timestamp=t_ns // NS_PER_MS, seq=self._seq)

    def _death(self) -> bytes:
        payload = Payload()
        payload.metrics.add(name=BDSEQ, datatype=Datatype.INT64, long_value=self.bdseq)
        return _bytes(payload)


def _values(part: Frames, row: int, cells: Sequence[float]) -> dict[str, Any]:
    """A frame's values by signal name, None for an absent one."""
    texts: tuple[str | None, ...] = part.texts[row] if part.texts else ()
    found: dict[str, Any] = {}
    for signal, number in zip(part.stream.columns, cells, strict=True):
        found[signal.name] = None if math.isnan(number) else number
    found.update(zip((signal.name for signal in part.stream.text_columns), texts, strict=True))
    return found


def _bytes(payload: Any) -> bytes:
    found: bytes = payload.SerializeToString()
    return found


def _set(told: Any, metric: Metric, value: Any) -> None:
    """Put a value into a metric; None, and a number that is none of its type, is null."""
    if value is None:
        told.is_null = True
    elif metric.name == STATE_METRIC:
        told.int_value = state_named(value).number
    elif metric.name == MODE_METRIC:
        told.int_value = mode_number(value)
    elif metric.datatype is Datatype.STRING:
        told.string_value = value
    elif metric.datatype is Datatype.BOOLEAN:
        told.boolean_value = bool(value)
    elif metric.datatype is Datatype.INT64:
        told.long_value = int(value) & (1 << 64) - 1
    else:
        told.double_value = value


def _describe(told: Any, signal: Signal) -> None:
    """The unit and the normal range as properties, as gateways write them."""
    if signal.unit != "1":
        told.properties.keys.append("engUnit")
        told.properties.values.add(type=Datatype.STRING, string_value=symbol(signal.unit) or signal.unit)
    for key, limit in (("engLow", signal.low), ("engHigh", signal.high)):
        if limit is not None:
            told.properties.keys.append(key)
            told.properties.values.add(type=Datatype.DOUBLE, double_value=limit)
