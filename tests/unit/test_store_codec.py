"""Values, texts and streams to columns and back."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from connectors.stores._codec import (
    canonical,
    decode_signals,
    decode_stream,
    decode_texts,
    encode_signals,
    encode_texts,
    from_lists,
    has_negative_zero,
    pack,
    same_columns,
    to_lists,
    unpack,
)
from connectors.stores._postgres import copy_bytes
from connectors.stores._rows import count_rows, rows_of
from connectors.stores._series import changes_of, series_of
from twin.checksum import checksum
from twin.punctuality import Punctuality
from twin.sample import Batch, Kind, Role, Signal, batch_of, frame, merge, stream_of

_row_sets = arrays.arrays(np.float64, st.tuples(st.integers(0, 5), st.integers(0, 20)), elements=st.floats())
ARM = stream_of("s/arm", "all", [Signal("a"), Signal("b"), Signal("say", Kind.TEXT)], source="m")


@given(_row_sets)
def test_packed_rows_come_back_bit_by_bit(values):
    clean = canonical(values)
    assert unpack(pack(values), values.shape[1]).tobytes() == clean.tobytes()


@given(_row_sets)
def test_lists_come_back_bit_by_bit(values):
    clean = canonical(values)
    assert canonical(from_lists(to_lists(values), values.shape[1])).tobytes() == clean.tobytes()


def test_a_packed_row_is_presence_bits_and_the_present_values():
    assert pack(np.array([[1.5, np.nan, -0.0]])) == [b"\x05" + struct.pack("<dd", 1.5, 0.0)]
    assert pack(np.array([[np.nan] * 9])) == [b"\x00\x00"]


def test_negative_zero_is_seen():
    assert has_negative_zero(np.array([[1.0, -0.0]]))
    assert not has_negative_zero(np.array([[1.0, 0.0, np.nan, -1.0]]))


@given(st.lists(st.none() | st.text(st.characters(codec=None))).map(tuple))
def test_texts_come_back_exactly_and_can_always_be_stored(row):
    text = encode_texts(row)
    text.encode()
    assert "\x00" not in text
    assert decode_texts(text) == row


def test_korean_stays_readable():
    assert encode_texts(("대기", None)) == '["대기",null]'


def test_signals_come_back_with_every_field():
    full = Signal("q", Kind.COUNTER, "rad", Role.X, 3, -1.5, 2.5, "Node/Q", "관절", "Joint")
    assert decode_signals(encode_signals((full, Signal("plain")))) == (full, Signal("plain"))


def test_a_stream_row_becomes_the_stream():
    assert decode_stream(ARM.id, "m", 0, None, encode_signals(ARM.columns), encode_signals(ARM.text_columns)) == ARM


def test_columns_are_the_same_by_name_and_unit_in_order():
    assert same_columns(ARM, replace(ARM, source="x", columns=(replace(ARM.columns[0], label_ko="가"), ARM.columns[1])))
    assert not same_columns(ARM, replace(ARM, columns=ARM.columns[::-1]))
    assert not same_columns(ARM, replace(ARM, columns=(replace(ARM.columns[0], unit="m"), ARM.columns[1])))
    assert not same_columns(ARM, replace(ARM, text_columns=()))


def test_a_checksum_tells_any_change_but_the_sign_of_zero():
    def digest(*, t_ns=1, seq=2, received_ns=3, values=(0.0, None), texts=("x",), quality=192):
        return checksum(batch_of("w", 1, 1, [frame(ARM, t_ns, seq, received_ns, values, texts, quality)]))

    assert digest() == digest(values=(-0.0, None))
    changed = [digest(t_ns=2), digest(seq=3), digest(received_ns=4), digest(values=(0.0, 0.0)), digest(quality=64)]
    changed += [digest(values=(np.nextafter(0, 1), None)), digest(texts=(None,)), digest(texts=("",))]
    assert len({digest(), *changed}) == 9
    assert len(digest()) == 16


def test_copy_bytes_are_what_the_format_says():
    part = frame(ARM, 5, 6, 7, (1.5, None), ("x",))
    data = copy_bytes(rows_of(Batch("w", 2, 0, (part,)), [3], 9, 1))
    array = struct.pack(">iiiiiidi", 1, 1, 701, 2, 1, 8, 1.5, -1)
    fields = [struct.pack(">q", 9), struct.pack(">i", 3), *(struct.pack(">q", i) for i in (5, 6, 7))]
    fields += [struct.pack(">h", 1), struct.pack(">q", 2), struct.pack(">h", 192), array]
    row = struct.pack(">h", 9) + b"".join(struct.pack(">i", len(field)) + field for field in fields)
    assert data == b"PGCOPY\n\xff\r\n\x00" + bytes(8) + row + b"\xff\xff"


def test_count_rows_hold_extremes_and_present_values():
    part = merge([frame(ARM, 5, 9, 7, (1.5, None), ("x",)), frame(ARM, 3, 11, 7, (1, 2), (None,))])
    rows = count_rows(Batch("w", 1, 0, (part,)), [4], [Punctuality(6, 1, -2)])
    assert rows == [(4, 2, 4, 9, 11, 3, 5, 6, 1, -2)]
    assert count_rows(Batch("w", 1, 0), [], []) == []


@given(
    st.lists(st.tuples(st.integers(-(2**61), 2**61), st.floats(-1e9, 1e9) | st.just(np.nan)), max_size=60),
    st.integers(1, 20),
)
def test_a_series_keeps_extremes_order_and_the_limit(samples, max_points):
    samples.sort(key=lambda sample: sample[0])
    t_ns = np.array([t for t, _ in samples], np.int64)
    values = np.array([v for _, v in samples], np.float64)
    series = series_of(t_ns, values, max_points)
    present = values[~np.isnan(values)]
    assert len(series.t_ns) <= max_points
    assert series.raw == (len(present) <= max_points)
    assert np.all(np.diff(series.t_ns) >= 0)
    assert len(t_ns) == 0 or series.t_ns.tolist() == [t for t in series.t_ns.tolist() if t_ns[0] <= t <= t_ns[-1]]
    if len(present):
        assert series.minimum.min() == present.min()
        assert series.maximum.max() == present.max()


def test_a_series_needs_room_for_a_point():
    with pytest.raises(ValueError, match="max_points"):
        series_of(np.array([1]), np.array([1.0]), 0)


def test_changes_begin_with_what_was_known():
    rows = [(5, "a"), (6, None), (7, "b"), (8, "b")]
    assert changes_of("a", 3, rows) == [(3, "a"), (7, "b")]
    assert changes_of(None, 3, rows) == [(5, "a"), (7, "b")]
