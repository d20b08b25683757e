"""Editions of a dataset and where its seconds come from: versions are given once, and never to other data."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples

from twin.datasets import Edition, Origin, edition_of, order_of, origin_of, split_of
from twin.errors import EpisodeError

ONE, TWO = Edition("1.0.0", "a", "the first", 3, 1.0), Edition("1.1.0", "b", "more", 5, 2.0)


def test_the_same_data_keep_their_version_and_changes_and_others_are_the_next():
    assert edition_of((), Edition("", "a", "", 3, 1.0)) == (Edition("1.0.0", "a", "3 episodes, 1.00 h", 3, 1.0), ())
    again, before = edition_of((ONE, TWO), Edition("", "a", "", 3, 1.0))
    assert (again, before) == (ONE, ()), "a later version is no history of an earlier one"
    other, before = edition_of((TWO, ONE), Edition("", "c", "", 6, 2.5))
    assert (other.version, other.changes, before) == ("1.2.0", "episodes 5 → 6, hours 2.00 → 2.50", (ONE, TWO))
    assert edition_of((ONE, TWO), Edition("2.0.0", "c", "all anew"))[0] == Edition("2.0.0", "c", "all anew")


def test_a_version_of_other_data_and_one_that_is_none_are_refused():
    with pytest.raises(EpisodeError, match=r"version 1\.0\.0 is other data: name a version above 1\.1\.0"):
        edition_of((ONE, TWO), Edition("1.0.0", "c"))
    for text in ("1", "1.0", "v1.0.0", "1.0.0.0", "01.0.0", "1.0.-1", "1.0.0\n"):
        with pytest.raises(EpisodeError, match="is no version"):
            order_of(text)


@given(st.lists(st.sampled_from("abcd"), max_size=12))
@settings(max_examples=examples(50), deadline=None)
def test_exports_one_after_another_give_each_content_one_version_in_order(contents):
    known: list[Edition] = []
    for content in contents:
        found, before = edition_of(known, Edition("", content))
        assert [order_of(one.version) for one in (*before, found)] == sorted(
            order_of(one.version) for one in (*before, found)
        )
        known = [*(one for one in known if one.version != found.version), found]
    assert len({one.version for one in known}) == len(known) == len(set(contents))


def test_seconds_are_told_by_where_they_come_from():
    parts = [("real", 1.0), ("sim", 2.0), ("simulated:arm", 4.0), ("replay:x", 8.0), ("augmented", 16.0)]
    assert split_of(parts) == {"real": 1.0, "simulated": 6.0, "replay": 8.0, "augmented": 16.0}
    assert origin_of("dreamt") is Origin.UNKNOWN
    assert split_of([("dreamt", 3.0)])["unknown"] == 3.0
