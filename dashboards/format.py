"""Numbers and lengths as people read them: fixed decimals, a true minus."""

from __future__ import annotations

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from twin.clock import NS_PER_S

MINUS = "−"


def number(value: float, decimals: int = 0) -> str:
    """Thousands with commas, a true minus; never "−0"."""
    rounded = round(value, decimals)
    text = f"{abs(rounded):,.{decimals}f}"
    return f"{MINUS}{text}" if rounded < 0 else text


def metres(value_m: float) -> str:
    """A length on the floor."""
    return f"{number(value_m, 1)} m"


def angle(value_rad: float) -> str:
    """An angle in degrees."""
    return f"{number(math.degrees(value_rad))}°"


def local_time(t_ns: int, zone: str) -> str:
    """A moment to the second in a site's time zone."""
    return datetime.fromtimestamp(t_ns // NS_PER_S, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
