"""UCUM unit codes: which are known, how people write them, how to convert between them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from twin.errors import UnitError


@dataclass(frozen=True, slots=True)
class Unit:
    """``si = value * factor + offset`` in the dimension's SI unit; ``symbol`` is what people read."""

    code: str
    dimension: str
    factor: float = 1.0
    offset: float = 0.0
    symbol: str = ""


def _units(dimension: str, **codes: tuple[float, str]) -> list[Unit]:
    return [Unit(code, dimension, factor, 0.0, symbol) for code, (factor, symbol) in codes.items()]


_TABLE: dict[str, Unit] = {
    unit.code: unit
    for unit in [
        Unit("1", "ratio", symbol=""),
        Unit("%", "ratio", 0.01, symbol="%"),
        Unit("{part}", "count", symbol="ea"),
        Unit("{cycle}", "count", symbol="cycles"),
        Unit("{message}", "count", symbol="msg"),
        Unit("{frame}", "count", symbol="frames"),
        Unit("Cel", "temperature", 1.0, 273.15, "°C"),
        Unit("K", "temperature", symbol="K"),
        Unit("[degF]", "temperature", 5 / 9, 459.67 * 5 / 9, "°F"),
        *_units("length", m=(1.0, "m"), mm=(1e-3, "mm"), cm=(1e-2, "cm"), um=(1e-6, "µm")),
        *_units(
            "time", s=(1.0, "s"), ms=(1e-3, "ms"), us=(1e-6, "µs"), ns=(1e-9, "ns"), min=(60.0, "min"), h=(3600.0, "h")
        ),
        *_units("angle", rad=(1.0, "rad"), deg=(math.pi / 180, "°")),
        *_units("mass", kg=(1.0, "kg"), g=(1e-3, "g"), t=(1e3, "t")),
        *_units("power", W=(1.0, "W"), kW=(1e3, "kW"), MW=(1e6, "MW")),
        *_units("energy", J=(1.0, "J"), kJ=(1e3, "kJ")),
        Unit("W.h", "energy", 3600.0, symbol="Wh"),
        Unit("kW.h", "energy", 3.6e6, symbol="kWh"),
        *_units("current", A=(1.0, "A"), mA=(1e-3, "mA")),
        *_units("voltage", V=(1.0, "V"), mV=(1e-3, "mV"), kV=(1e3, "kV")),
        *_units("frequency", Hz=(1.0, "Hz"), kHz=(1e3, "kHz")),
        *_units("force", N=(1.0, "N"), kN=(1e3, "kN")),
        Unit("N.m", "torque", symbol="N·m"),
        *_units("pressure", Pa=(1.0, "Pa"), kPa=(1e3, "kPa"), hPa=(1e2, "hPa"), bar=(1e5, "bar"), MPa=(1e6, "MPa")),
        Unit("m/s", "speed", symbol="m/s"),
        Unit("mm/s", "speed", 1e-3, symbol="mm/s"),
        Unit("mm/min", "speed", 1e-3 / 60, symbol="mm/min"),
        Unit("m/min", "speed", 1 / 60, symbol="m/min"),
        Unit("rad/s", "angular_speed", symbol="rad/s"),
        Unit("deg/s", "angular_speed", math.pi / 180, symbol="°/s"),
        Unit("/min", "angular_speed", 2 * math.pi / 60, symbol="rpm"),
        Unit("/s", "rate", symbol="/s"),
        Unit("/h", "rate", 1 / 3600, symbol="/h"),
        Unit("m/s2", "acceleration", symbol="m/s²"),
        Unit("m3/s", "flow", symbol="m³/s"),
        Unit("m3/h", "flow", 1 / 3600, symbol="m³/h"),
        Unit("L/min", "flow", 1e-3 / 60, symbol="L/min"),
        Unit("lx", "illuminance", symbol="lx"),
        Unit("dB", "level", symbol="dB"),
        Unit("[ppm]", "concentration", 1e-6, symbol="ppm"),
        Unit("ug/m3", "density", 1e-9, symbol="µg/m³"),
        Unit("By", "information", symbol="B"),
    ]
}


def known(code: str) -> bool:
    """Whether the code is one this table converts and prints."""
    return code in _TABLE


def unit(code: str) -> Unit:
    """Look a UCUM code up; raises UnitError with the nearest known ones."""
    found = _TABLE.get(code)
    if found is None:
        near = [name for name in _TABLE if name.lower().strip("[]{}") == code.lower().strip("[]{}°")]
        raise UnitError(code, f"not a known UCUM code{', did you mean ' + near[0] + '?' if near else ''}")
    return found


def symbol(code: str) -> str:
    """How people write the unit; an unknown code is printed as it is."""
    found = _TABLE.get(code)
    return found.symbol if found else code


def conversion(source: str, target: str) -> tuple[float, float]:
    """(factor, offset) with ``target_value = source_value * factor + offset``."""
    from_unit, to_unit = unit(source), unit(target)
    if from_unit.dimension != to_unit.dimension:
        raise UnitError(source, f"{from_unit.dimension} cannot become {to_unit.dimension} ({target})")
    return from_unit.factor / to_unit.factor, (from_unit.offset - to_unit.offset) / to_unit.factor
