"""Columns of numbers and times, read many at a time, are what each is alone."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from connectors.decoders._rows import numbers_of
from connectors.decoders._times import ISO, iso_ns, local

numbers = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53))


@given(
    st.integers(1, 12).flatmap(lambda width: st.lists(st.lists(numbers, min_size=width, max_size=width), min_size=1))
)
def test_rows_of_numbers_and_nulls_are_an_array_that_may_be_written_to(rows):
    found = numbers_of([tuple(row) for row in rows], len(rows[0]))
    assert [[None if math.isnan(cell) else cell for cell in row] for row in found.tolist()] == rows
    found[0, 0] = 1.0


def test_a_row_of_something_else_is_no_row_of_numbers():
    for width in (1, 12):
        assert numbers_of([(1.0,) * width, ([1.0],) * width], width) is None
        assert numbers_of([(10**400,) * width], width) is None


times = st.one_of(
    st.datetimes().map(lambda when: when.isoformat() + "Z"),
    st.datetimes().map(lambda when: when.isoformat(timespec="milliseconds") + "Z"),
    st.sampled_from(
        ["2026-11-22T06:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-02-30T06:00:00Z", "x"]
    ),
)


@given(st.lists(times, min_size=1, max_size=6))
def test_times_at_once_are_what_each_is_and_what_no_int64_holds_is_out_of_range(texts):
    assert ISO.many(texts).tolist() == [iso_ns(text) for text in texts]
    assert ISO.many(["2026-11-22T06:00:00Z", "9026-11-22T06:00:00Z"]).tolist() == [1_795_327_200_000_000_000, 0]
    assert local(0.0).many(["2026-11-22T06:00:00", "9026-11-22T06:00:00"]).tolist()[1] == 0
