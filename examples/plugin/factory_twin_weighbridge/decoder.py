"""A weighbridge that prints its readings: ``ST,GS,+  12.345,kg`` on a topic of its own.

``ST`` is a steady weight, ``US`` one that still moves; ``GS`` is gross and ``NT`` net. A reading has neither time nor
count: it is of the moment in which it came.

```toml
[[source]]
name = "gate"
topics = ["gate/+/weight"]
decoder = "weighbridge"
[source.options]
site = "jeonju"
```
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import msgspec

from twin.errors import DecodeError, IdError
from twin.ids import segment
from twin.message import Handled
from twin.sample import Kind, Quality, Role, Signal, frame, stream_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from twin.decoder import Told
    from twin.message import Message
    from twin.sample import Stream
    from twin.site import AssetType, Hub

_READING = re.compile(r"(ST|US),(GS|NT),([+-]) *(\d{1,9}(?:\.\d{1,6})?),(kg|t|g)")
_LEVELS = 3
_MAX_BRIDGES = 1000


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``site`` is put before the bridge's name, which is the second level of the topic."""

    site: str = "site"

    def __post_init__(self) -> None:
        """Refuse a site that is no name; msgspec reports it with its place."""
        try:
            segment(self.site)
        except IdError as error:
            raise ValueError(str(error)) from error


class Decoder:
    """Readings of weighbridges. Mutable: a cache of streams; nothing in it must survive a restart."""

    def __init__(self, options: Options, source: str, _hub: Hub, _types: Mapping[str, AssetType]) -> None:
        self._site = segment(options.site)
        self._source = source
        self._streams: dict[tuple[str, str], Stream] = {}

    def decode(self, message: Message) -> Iterable[Told]:
        """One frame: the weight, and whether it is steady."""
        if message.retain and not message.payload:
            return [Handled("retained_cleared")]
        levels = message.topic.split("/")
        if len(levels) != _LEVELS:
            raise DecodeError("topic", f"{message.topic!r} is not gate/BRIDGE/weight")
        try:
            text = message.payload.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise DecodeError("encoding", f"not ASCII at byte {error.start}") from error
        found = _READING.fullmatch(text)
        if found is None:
            raise DecodeError("schema", f"{text[:80]!r} is no reading")
        steady, sort, sign, digits, unit = found.groups()
        stream = self._stream(levels[1], "net" if sort == "NT" else "gross", unit)
        weight = float(sign + digits)
        seq = int.from_bytes(hashlib.blake2b(message.payload, digest_size=8).digest(), "big") >> 1
        quality = Quality.GOOD if steady == "ST" else Quality.UNCERTAIN
        values = (weight, steady == "ST")
        return [frame(stream, message.received_ns, seq, message.received_ns, values, quality=quality)]

    def state(self) -> bytes:
        """Nothing must survive a restart."""
        return b""

    def restore(self, state: bytes) -> None:
        """Nothing to take back."""

    def _stream(self, bridge: str, name: str, unit: str) -> Stream:
        key = (bridge, f"{name}_{unit}")
        stream = self._streams.get(key)
        if stream is None:
            if len(self._streams) >= _MAX_BRIDGES:
                raise DecodeError("cardinality", f"more than {_MAX_BRIDGES} streams from one source")
            try:
                asset = f"{self._site}/{segment(bridge)}"
            except IdError as error:
                raise DecodeError("name", str(error)) from error
            signals = (Signal("weight", unit=unit, role=Role.LOAD), Signal("steady", Kind.FLAG))
            stream = self._streams[key] = stream_of(asset, key[1], signals, source=self._source)
        return stream
