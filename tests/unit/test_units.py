"""Units: known codes, exact well-known conversions, refusals that say why."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin import units
from twin.errors import UnitError

CODES = sorted(units._TABLE)


def convert(value, source, target):
    factor, offset = units.conversion(source, target)
    return value * factor + offset


@pytest.mark.parametrize(
    ("value", "source", "target", "wanted"),
    [
        (21.5, "Cel", "K", 294.65),
        (212.0, "[degF]", "Cel", 100.0),
        (-40.0, "Cel", "[degF]", -40.0),
        (180.0, "deg", "rad", math.pi),
        (1.0, "kW.h", "J", 3.6e6),
        (6.0, "bar", "MPa", 0.6),
        (1500.0, "/min", "rad/s", 157.07963267948966),
        (250.0, "mm/s", "m/s", 0.25),
        (36.0, "m3/h", "m3/s", 0.01),
        (85.0, "%", "1", 0.85),
        (90.0, "min", "h", 1.5),
    ],
)
def test_a_value_is_converted_as_the_textbook_says(value, source, target, wanted):
    assert convert(value, source, target) == pytest.approx(wanted, rel=1e-12)


@given(st.data(), st.floats(-1e6, 1e6))
def test_there_and_back_is_where_it_began(data, value):
    source = data.draw(st.sampled_from(CODES))
    alike = [code for code in CODES if units.unit(code).dimension == units.unit(source).dimension]
    target = data.draw(st.sampled_from(alike))
    assert convert(convert(value, source, target), target, source) == pytest.approx(value, rel=1e-9, abs=1e-6)


@given(st.sampled_from(CODES), st.floats(-1e9, 1e9))
def test_a_unit_becomes_itself_exactly(code, value):
    assert convert(value, code, code) == value


@given(st.sampled_from(CODES), st.sampled_from(CODES))
def test_only_units_of_one_dimension_can_be_converted(source, target):
    if units.unit(source).dimension == units.unit(target).dimension:
        assert math.isfinite(units.conversion(source, target)[0])
    else:
        with pytest.raises(UnitError, match="cannot become"):
            units.conversion(source, target)


def test_an_unknown_unit_is_refused_with_the_nearest_known_one():
    with pytest.raises(UnitError, match="did you mean rad"):
        units.unit("RAD")
    with pytest.raises(UnitError, match="not a known UCUM code"):
        units.conversion("furlong", "m")
    assert not units.known("furlong")


def test_an_unknown_unit_is_printed_as_it_is():
    assert (units.symbol("furlong"), units.symbol("Cel"), units.symbol("1")) == ("furlong", "°C", "")


def test_every_asset_type_uses_known_units_only():
    from connectors.plugins import asset_types

    used = {s.unit for kind in asset_types().values() for stream in kind.streams for s in stream.signals}
    assert not {code for code in used if not units.known(code)}
