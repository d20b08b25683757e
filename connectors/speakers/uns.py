"""Meters and sensors in a unified namespace: the tags of a device as one object of ``_historian``.

Such messages hold one moment each, so history is thinned: one sample in 30 s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from connectors.decoders import _json
from connectors.speakers import Kept, Spoken, present
from twin.clock import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from twin.sample import Frames

ENTERPRISE = "umh/v1/factory-twin"
HISTORY_S = 30
_encode = msgspec.json.Encoder().encode


class Speaker:
    """Speaks for devices by UNS. It keeps nothing."""

    def hello(self, t_ns: int) -> Iterator[Spoken]:
        """Nothing: in a namespace a topic announces itself."""
        del t_ns
        return iter(())

    def say(self, frames: Sequence[Frames], until_ns: int, rows: int) -> Iterator[Spoken]:
        """A message a sample; ``rows`` above 1 takes one sample in `HISTORY_S`."""
        del until_ns
        for part in frames:
            topic = f"{ENTERPRISE}/{part.stream.asset}/_historian"
            values = present(part)
            every = HISTORY_S if rows > 1 else 1
            told: list[int] = np.flatnonzero(part.t_ns // NS_PER_S % every == 0).tolist()
            names = [signal.name for signal in part.stream.columns]
            texts = [signal.name for signal in part.stream.text_columns]
            for row in told:
                cells = [None if cell != cell else cell for cell in part.values[row].tolist()]  # noqa: PLR0124  NaN
                body: dict[str, Any] = {"timestamp_ms": int(part.t_ns[row]) // NS_PER_MS}
                body |= dict(zip(names, cells, strict=True))
                body |= dict(zip(texts, part.texts[row] if part.texts else (), strict=True))
                payload = _encode(body)
                seq = _json.payload_seq(payload)
                yield Spoken(topic, payload, (Kept(part.stream.id, 1, int(values[row]), seq, seq),))

    def farewell(self, t_ns: int) -> Iterator[Spoken]:
        """Nothing."""
        del t_ns
        return iter(())
