"""Sensors that Home Assistant would find: discovery, one state topic a device, availability.

Such a message holds no time: it is of when it arrives. So there is no history to catch up with, and what is
delivered twice is stored twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from connectors.decoders import _json
from connectors.speakers import Kept, Spoken
from twin.sample import Kind
from twin.units import symbol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from twin.sample import Frames, Signal, Stream
    from twin.site import Asset

PREFIX = "homeassistant"
_CLASSES = {"Cel": "temperature", "W": "power", "kW": "power", "kW.h": "energy", "V": "voltage", "A": "current"}
_encode = msgspec.json.Encoder().encode


class Speaker:
    """Speaks for some devices of a site. Mutable: whether it was told of a device's streams."""

    def __init__(self, assets: Sequence[Asset], streams: Mapping[str, Sequence[Stream]]) -> None:
        self._assets = {asset.id: asset for asset in assets}
        self._streams = {asset.id: streams[asset.id] for asset in assets}

    def hello(self, t_ns: int) -> Iterator[Spoken]:
        """Every device's configuration, retained; then the devices are online."""
        del t_ns
        for asset, streams in self._streams.items():
            signals = [signal for stream in streams for signal in stream.signals]
            yield self._configuration(self._assets[asset], signals)
            yield Spoken(_base(asset) + "/availability", b"online", retain=True)

    def farewell(self, t_ns: int) -> Iterator[Spoken]:
        """The devices go offline."""
        del t_ns
        for asset in self._streams:
            yield Spoken(_base(asset) + "/availability", b"offline", retain=True)

    def presence(self, asset: str, t_ns: int, *, there: bool) -> Iterator[Spoken]:
        """A device whose network was cut: its will; then it is online again."""
        del t_ns
        yield Spoken(_base(asset) + "/availability", b"online" if there else b"offline", retain=True)

    def say(self, frames: Sequence[Frames], until_ns: int, rows: int) -> Iterator[Spoken]:
        """The newest sample of each device; nothing while history is caught up."""
        del until_ns
        if rows > 1:
            return
        for part in frames:
            names = [signal.name for signal in part.stream.columns]
            for cells in part.values.tolist():
                told = {name: None if cell != cell else cell for name, cell in zip(names, cells, strict=True)}  # noqa: PLR0124  NaN
                payload = _encode(told)
                seq = _json.payload_seq(payload)
                kept = tuple(
                    Kept(f"{part.stream.asset}:{name}", 1, int(value is not None), seq, seq)
                    for name, value in told.items()
                )
                yield Spoken(_base(part.stream.asset) + "/state", payload, kept)

    def _configuration(self, asset: Asset, signals: Sequence[Signal]) -> Spoken:
        """A device's configuration with all its entities, abbreviated: so that none of them comes late."""
        key = asset.id.replace("/", "_")
        body: dict[str, Any] = {
            "~": _base(asset.id),
            "stat_t": "~/state",
            "avty_t": "~/availability",
            "dev": {"ids": [key], "name": asset.id.rpartition("/")[2], "mf": "Factory Twin", "mdl": asset.type},
            "o": {"name": "factory-twin"},
            "cmps": {signal.name: _component(key, signal) for signal in signals},
        }
        # COMPONENT/NODE/OBJECT: the site is the node, so that a source can ask for its own.
        topic = f"{PREFIX}/device/{asset.id.partition('/')[0]}/{key}/config"
        return Spoken(topic, _encode(body), retain=True)


def _component(key: str, signal: Signal) -> dict[str, str]:
    told = {
        "p": "sensor",
        "name": signal.name,
        "uniq_id": f"{key}_{signal.name}",
        "val_tpl": f"{{{{ value_json.{signal.name} }}}}",
        "stat_cla": "total_increasing" if signal.kind is Kind.COUNTER else "measurement",
    }
    if signal.unit != "1":
        told["unit_of_meas"] = symbol(signal.unit) or signal.unit
        if signal.unit in _CLASSES:
            told["dev_cla"] = _CLASSES[signal.unit]
    return told


def _base(asset: str) -> str:
    site, _, rest = asset.partition("/")
    return f"ha/{site}/{rest}"
