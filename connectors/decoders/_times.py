"""Times that are read many at a time: 0, which is out of range, stands for what cannot be read."""

from __future__ import annotations

from typing import Any

from twin.clock import NS_PER_S, ns_from_iso


def iso_ns(told: Any) -> int:
    """A text of ISO 8601 with its zone, as ns."""
    try:
        return ns_from_iso(told)
    except (ValueError, OverflowError, AttributeError, TypeError):
        return 0


def local_ns(zone_s: float, told: Any) -> int:
    """A text of ISO 8601 without a zone, as ns; ``zone_s`` is how far its clock is ahead of UTC."""
    return iso_ns(f"{told.strip()}Z") - round(zone_s * NS_PER_S) if isinstance(told, str) and told[-1:].isdigit() else 0


def whole_ns(unit_ns: int, told: Any) -> int:
    """A whole number of units, as ns."""
    return told * unit_ns if type(told) is int else 0
