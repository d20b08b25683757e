"""How messages look that tell what another one told, but for their numbers: a typed parser of just their keys.

What is no number is compared as the bytes it was written with: lists of nodes and errors, words, flags. Where all
of that is equal, and no number leaves its bounds, the message before it said already what else is to be said.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from connectors.decoders import _json
from connectors.decoders._rows import numbers_of
from connectors.decoders._times import ISO
from connectors.decoders._tree import PLAIN_KEY, Parser
from connectors.decoders._vda5050 import rules
from connectors.decoders._vda5050.streams import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

MAX_LIKENESSES = 500
_POSITION = {
    "x": "x", "y": "y", "theta": "yaw", "localizationScore": "localization_score", "deviationRange": "deviation",
}  # fmt: skip
_BATTERY = {
    "batteryCharge": "battery", "stateOfCharge": "battery", "batteryVoltage": "battery_voltage",
    "batteryCurrent": "battery_current", "batteryHealth": "battery_health", "reach": "range", "range": "range",
}  # fmt: skip
_INSIDE = {
    "agvPosition": _POSITION,
    "mobileRobotPosition": _POSITION,
    "velocity": {"vx": "vx", "vy": "vy", "omega": "omega"},
    "batteryState": _BATTERY,
    "powerSupply": _BATTERY,
}
"""The objects whose numbers are values, and which column each is."""
_BESIDE = {"distanceSinceLastNode": "distance_since_last_node"}
_UNHEEDED = frozenset({"referenceStateHeaderId"})
"""Numbers of the standard that are checked, and say nothing that is kept."""
PERCENT = frozenset({"battery", "battery_health"})
POSE = tuple(signal.name for signal in SIGNALS["pose"])
_timestamp, _header_id = attrgetter("timestamp"), attrgetter("headerId")
_Key = tuple[tuple[str, bool, tuple[tuple[str, bool], ...]], ...]
"""Keys in their order: whether a number is there, and what is inside."""


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """Messages of one topic, version and set of keys.

    ``columns`` are the names of the columns that its numbers fill, in their order; ``rest`` is all that must not
    change, as bytes.
    """

    parser: Parser
    columns: tuple[str, ...]
    numbers: Callable[[Any], tuple[float, ...]]
    rest: Callable[[Any], tuple[msgspec.Raw, ...]]

    def read(self, payloads: Sequence[bytes], rest: list[tuple[msgspec.Raw, ...]], colons: int) -> Read:
        """What each payload says, as far as it is alike.

        ``rest`` is what each would say beside numbers if it were quiet, ``colons`` how many all had then outside
        of their times.
        """
        together = self.parser.all(payloads)
        if together is not None:
            told: list[Any] = together[0]
        else:
            told = [None if (one := self.parser.one(payload)) is None else one[0] for payload in payloads]
        alike = told if together is not None else [one for one in told if one is not None]
        values = numbers_of(list(map(self.numbers, alike)), len(self.columns)) if alike else None
        if values is None:
            return Read(self, [None] * len(payloads), [], [], [], [], np.empty((0, len(self.columns))), is_plain=False)
        texts = list(map(_timestamp, alike))
        t_ns = ISO.many(texts)
        odd = (t_ns < _json.EARLIEST_NS) | (t_ns >= _json.END_NS) | (np.abs(values) >= _json.MAX_INT).any(axis=1)
        rows: list[int | None] = list(range(len(alike)))
        if together is None or odd.any():
            numbered = iter(range(len(alike)))
            rows = [None if one is None or odd[row := next(numbered)] else row for one in told]
        own_rest = list(map(self.rest, alike))
        # As many colons as keys, and as all else has: no key is there twice in any of them.
        is_plain = together is not None and together[1] == colons + "".join(texts).count(":") and own_rest == rest
        return Read(self, rows, list(map(_header_id, alike)), own_rest, texts, t_ns.tolist(), values, is_plain=is_plain)


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """Messages as `Likeness.read` found them: for each its row, None for what is not alike; and rows.

    ``counts``, ``rest``, ``times`` and ``t_ns`` are a row each; ``values`` float64 (rows, columns). ``is_plain``: each
    of them is quiet.
    """

    likeness: Likeness
    rows: list[int | None]
    counts: list[int]
    rest: list[tuple[msgspec.Raw, ...]]
    times: list[str]
    t_ns: list[int]
    values: NDArray[np.float64]
    is_plain: bool


def likeness_of(topic: str, major: str, body: dict[str, Any]) -> Likeness | None:
    """How messages with the keys of ``body`` look; None where there is no such parser."""
    key: list[tuple[str, bool, tuple[tuple[str, bool], ...]]] = []
    for name, value in body.items():
        inner = value if name in _INSIDE and type(value) is dict and value else {}
        key.append((name, _is_number(value), tuple((own, _is_number(item)) for own, item in inner.items())))
    return _made(topic, major, tuple(key))


def _is_number(value: object) -> bool:
    return type(value) is float or type(value) is int


@lru_cache(maxsize=MAX_LIKENESSES)
def _made(topic: str, major: str, key: _Key) -> Likeness | None:
    table = rules.MESSAGES[topic]
    names = [name for name, _, inner in key for name in (name, *(own for own, _ in inner))]
    if not all(map(PLAIN_KEY.fullmatch, names)) or not {"headerId", "timestamp"} <= {name for name, *_ in key}:
        return None
    fields: list[tuple[str, Any]] = []
    columns: dict[str, str] = {}
    rest: list[str] = []
    for place, (name, is_number, inner) in enumerate(key):
        own = {"headerId": "headerId", "timestamp": "timestamp"}.get(name, f"f{place}")
        kind: Any = msgspec.Raw
        if own == "timestamp":
            kind = str
        elif own == "headerId":
            kind = int
        elif inner:
            kind = _object(own, name, inner, table, major, columns, rest)
        elif is_number and name in _BESIDE:
            kind = rules.type_of(name, table[name], major)
            columns[_BESIDE[name]] = own
        elif is_number and name in _UNHEEDED:
            kind = rules.type_of(name, table[name], major) if name in table else float
        elif is_number and name not in table:
            kind = float  # a number of the vendor's own: it may change, and nobody looks
        else:
            rest.append(own)
        fields.append((own, kind))
        if kind is None:
            return None
    renamed = {own: name for (own, _), (name, *_) in zip(fields, key, strict=True)}
    parser = Parser(
        msgspec.defstruct("Alike", fields, rename=renamed, forbid_unknown_fields=True, gc=False), b"{}", _nothing, None
    )
    return Likeness(parser, tuple(columns), _got(list(columns.values())), _got(rest))


def _object(  # noqa: PLR0913  what there is to know of it, and where it is noted
    own: str, name: str, inner: tuple[tuple[str, bool], ...], table: Any, major: str, columns: dict[str, str],
    rest: list[str],
) -> Any:  # fmt: skip
    """The type of an object with values inside; None where two of them would be one column."""
    known = table[name].inside if name in table else {}
    fields: list[tuple[str, Any]] = []
    for place, (key, is_number) in enumerate(inner):
        column = _INSIDE[name].get(key)
        path = f"{own}.f{place}"
        if is_number and column is not None and key in known:
            if column in columns:
                return None
            columns[column] = path
            fields.append((f"f{place}", rules.type_of(key, known[key], major)))
        elif is_number and column is None and key not in known:
            fields.append((f"f{place}", float))
        else:
            rest.append(path)
            fields.append((f"f{place}", msgspec.Raw))
    renamed = {f"f{place}": key for place, (key, _) in enumerate(inner)}
    return msgspec.defstruct("Inside", fields, rename=renamed, forbid_unknown_fields=True, gc=False)


def _nothing(_told: Any) -> tuple[Any, ...]:
    return ()


def _got(paths: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if not paths:
        return _nothing
    get = attrgetter(*paths)
    return get if len(paths) > 1 else lambda told: (get(told),)
