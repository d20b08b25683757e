"""Engineering units as gateways write them → UCUM codes."""

from __future__ import annotations

from functools import lru_cache

from twin.units import known

MAX_UNIT = 20
_EXACT = {"Nm": "N.m", "N·m": "N.m", "N*m": "N.m", "C": "Cel", "F": "[degF]", "Wh": "W.h", "kWh": "kW.h", "rpm": "/min"}
_FOLDED = {
    "°c": "Cel", "degc": "Cel", "celsius": "Cel", "℃": "Cel", "°f": "[degF]", "degf": "[degF]", "fahrenheit": "[degF]",
    "rpm": "/min", "r/min": "/min", "1/min": "/min", "1/s": "/s", "percent": "%", "pct": "%", "kwh": "kW.h",
    "kw": "kW", "kv": "kV", "hz": "Hz", "khz": "kHz", "kpa": "kPa", "volt": "V", "volts": "V", "amp": "A", "amps": "A",
    "°": "deg", "degree": "deg", "degrees": "deg", "µm": "um", "μm": "um", "m/s²": "m/s2", "m/s^2": "m/s2",
    "m³/h": "m3/h", "m³/s": "m3/s", "l/min": "L/min", "lpm": "L/min", "ppm": "[ppm]", "µg/m³": "ug/m3",
    "sec": "s", "seconds": "s", "minutes": "min", "hours": "h", "pcs": "{part}", "parts": "{part}", "ea": "{part}",
    "bytes": "By", "lux": "lx",
}  # fmt: skip
"""Only what means the same in any case: mW is no MW."""


@lru_cache(maxsize=10_000)
def ucum(text: str) -> str:
    """The UCUM code of a unit as written; one that nobody knows becomes an annotation in braces, "" becomes 1."""
    told = text.strip()
    if not told:
        return "1"
    if known(told):
        return told
    found = _EXACT.get(told) or _FOLDED.get(told.casefold())
    if found is not None:
        return found
    plain = "".join(ch for ch in told if "!" <= ch <= "~" and ch not in "{}")[:MAX_UNIT]
    return f"{{{plain}}}" if plain else "1"
