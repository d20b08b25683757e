"""What the ledger of a Sparkplug client says must be stored, by the rules of the docs. Nothing of the decoder is used here.

A metric is a signal of its own name; commands (``Node Control/…``) and the session's number are none. What the parts
of a value are called: arrays number theirs, a data set says ROW/COLUMN, a template says its members' names. What no
float64 holds exactly is a text, and the number is absent. Bytes are kept as base64.
"""

from __future__ import annotations

import json
import struct
from collections import Counter
from typing import Any

from balance import Value

EXACT = 2**53
PACKML = {4: "Idle", 6: "Execute", 11: "Held", 17: "Complete"}
"""Some of the numbers of ISA-TR88.00.02."""
WHOLE = {"INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "DATETIME"}
TEXTS = {"STRING", "TEXT", "UUID", "BYTES", "FILE"}
PREFIXES = {"data": "DATA/", "attributes": "ATTR/", "commands": "CMD/"}
"""What mqtt-spb-wrapper puts before names in its births, and leaves out of its data."""


def published(ledger: list[dict[str, Any]]) -> Counter[Value]:
    """Every value that must be stored, and how often."""
    found: Counter[Value] = Counter()
    for row in ledger:
        asset = "/".join(row["path"])
        for metric in row["metrics"]:
            name = PREFIXES.get(metric.get("part", ""), "") + metric["name"]
            if metric["transient"] or name.startswith(("Node Control/", "Device Control/")):
                continue
            for part, value in _parts(name, metric["type"].upper(), metric["value"]):
                found[Value(asset, part, metric["t_ms"] * 1_000_000, value)] += 1
    return found


def _parts(name: str, kind: str, value: Any) -> list[tuple[str, float | str | None]]:
    if kind == "TEMPLATE":
        if value["definition"]:
            return []
        members = [_parts(f"{name}/{one['name']}", one["type"].upper(), one["value"]) for one in value["members"]]
        return [part for parts in members for part in parts]
    if kind == "DATASET":
        return [
            part
            for number, row in enumerate(value["rows"])
            for column, one, cell in zip(value["columns"], value["types"], row, strict=True)
            for part in _parts(f"{name}/{number}/{column}", one.upper(), cell)
        ]
    if kind == "STRING_ARRAY":
        return [(name, json.dumps(value, ensure_ascii=False, separators=(",", ":")))]
    if kind.endswith("_ARRAY"):
        return [
            part
            for number, one in enumerate(value)
            for part in _parts(f"{name}/{number}", kind.removesuffix("_ARRAY"), one)
        ]
    return [(name, one) for one in _cells(name, kind, value)]


def _cells(name: str, kind: str, value: Any) -> list[float | str | None]:
    if value is None or value == "NaN":
        return [None]
    if kind in TEXTS:
        return [value]
    if kind in WHOLE:
        number = int(value)
        if name.endswith("StateCurrent"):
            return [PACKML[number]]
        return [None, str(number)] if abs(number) > EXACT else [float(number)]
    if kind == "FLOAT":
        return list(struct.unpack("<f", struct.pack("<f", value)))
    return [float(value)]


def sequenced(ledger: list[dict[str, Any]], *, uncounted: tuple[str, ...] = ("NDEATH",)) -> int:
    """How many of the messages a sequence number counts."""
    return sum(row["kind"] not in uncounted for row in ledger)
