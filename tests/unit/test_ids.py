"""Ids: what a name becomes, and that no two names become one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from twin.errors import IdError
from twin.ids import MAX_SEGMENT, asset_id, leaf_of, place_of, segment, signal_id, site_of, split_signal_id

names = st.text(st.characters(), min_size=1, max_size=12)
RESERVED = "/:+#%"


def encoded(name):
    try:
        return segment(name)
    except IdError:
        assume(False)


@given(names)
@example(":\u0301")
@example("a\u202e:b")
@example("\ud800")
def test_a_segment_is_safe_nfc_and_printable(name):
    made = encoded(name)
    assert 1 <= len(made) <= MAX_SEGMENT
    assert not set(made) & set(RESERVED.replace("%", ""))
    assert unicodedata.is_normalized("NFC", made)
    assert all(unicodedata.category(ch)[0] != "C" for ch in made)
    made.encode("utf-8")


@given(names, names)
@example("a/b", "a%2Fb")
@example("%", "%25")
def test_two_names_share_a_segment_only_when_they_are_the_same_text(one, other):
    same = unicodedata.normalize("NFC", one.strip()) == unicodedata.normalize("NFC", other.strip())
    assert (encoded(one) == encoded(other)) == same


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("UR3", "UR3"),
        ("1호기 로봇", "1호기 로봇"),
        ("  trimmed ", "trimmed"),
        ("Node Control/Rebirth", "Node Control%2FRebirth"),
        ("a:b+c#d%", "a%3Ab%2Bc%23d%25"),
        ("zero\u200bwidth", "zero%E2%80%8Bwidth"),
        ("\u202egnp.exe", "%E2%80%AEgnp.exe"),
        ("tab\there", "tab%09here"),
        ("../../etc", "..%2F..%2Fetc"),
        (unicodedata.normalize("NFD", "전주"), "전주"),
        ("a" * 64, "a" * 64),
    ],
)
def test_a_device_name_becomes_a_segment(name, wanted):
    assert segment(name) == wanted


@pytest.mark.parametrize("name", ["", "   ", "\t", "a" * 65, "/" * 22])
def test_a_name_of_which_nothing_or_too_much_is_left_is_refused(name):
    with pytest.raises(IdError) as caught:
        segment(name)
    assert caught.value.text == name


@given(st.lists(names, min_size=1, max_size=5), names)
def test_an_asset_id_and_a_signal_can_be_taken_apart_again(levels, signal):
    parts = [encoded(name) for name in levels]
    asset, full = asset_id(*levels), signal_id(asset_id(*levels), signal) if encoded(signal) else ""
    assert asset.split("/") == parts
    assert split_signal_id(full) == (asset, encoded(signal))
    assert (site_of(asset), leaf_of(asset)) == (parts[0], parts[-1])
    assert place_of(asset) == "/".join(parts[:-1])


def test_an_asset_needs_a_name():
    with pytest.raises(IdError):
        asset_id()
    with pytest.raises(IdError):
        asset_id("site", "")


@pytest.mark.parametrize("text", ["", "a/b", ":x", "a:"])
def test_what_is_no_signal_id_is_refused(text):
    with pytest.raises(IdError):
        split_signal_id(text)
