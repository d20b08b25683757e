"""What an asset did, drawn: parts of the time with what each mostly was."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dashboards.summary.oee import drawn
from twin.kpi import Bucket, Slice

NS_PER_MS = 1_000_000


@st.composite
def lanes(draw: st.DrawFn) -> tuple[list[Slice], int, int, int]:
    """Slices in order, some with nothing between them; the time that is drawn, and in how many parts."""
    at, found = draw(st.integers(0, 50)) * NS_PER_MS, []
    for _ in range(draw(st.integers(0, 12))):
        at += draw(st.sampled_from([0, 0, 0, 1, 7, 300])) * NS_PER_MS
        end = at + draw(st.integers(1, 400)) * NS_PER_MS
        bucket = draw(st.sampled_from([Bucket.PRODUCTION, Bucket.DOWN, Bucket.DELAY]))
        found.append(Slice(at, end, bucket, failed=bucket is Bucket.DOWN and draw(st.booleans())))
        at = end
    start = draw(st.integers(0, 200)) * NS_PER_MS
    return found, start, start + draw(st.integers(1, 3000)) * NS_PER_MS, draw(st.integers(1, 60))


def part_by_part(slices: list[Slice], start_ns: int, end_ns: int, parts: int) -> list[list[Any]]:
    """The same, each part by itself from all slices."""
    wide = max(1, -(-(end_ns - start_ns) // parts))
    found: list[list[Any]] = []
    for a in range(start_ns, end_ns, wide):
        b = min(a + wide, end_ns)
        lengths: dict[str, int] = {}
        for one in slices:
            shared = min(one.end_ns, b) - max(one.start_ns, a)
            if shared > 0:
                word = "failed" if one.failed else one.bucket.value
                lengths[word] = lengths.get(word, 0) + shared * (1000 if one.failed else 1)
        if not lengths:
            continue
        word = max(lengths, key=lambda known: lengths[known])
        if found and found[-1][2] == word and found[-1][1] == a / NS_PER_MS:
            found[-1][1] = b / NS_PER_MS
        else:
            found.append([a / NS_PER_MS, b / NS_PER_MS, word])
    return found


@given(lanes())
def test_a_lane_is_drawn_as_part_by_part(lane: tuple[list[Slice], int, int, int]) -> None:
    assert drawn(*lane) == part_by_part(*lane)


def test_a_short_failure_is_seen_in_a_long_time() -> None:
    hour = 3600 * 1000 * NS_PER_MS
    slices = [
        Slice(0, hour, Bucket.PRODUCTION),
        Slice(hour, hour + NS_PER_MS * 50, Bucket.DOWN, failed=True),
        Slice(hour + NS_PER_MS * 50, 10 * hour, Bucket.PRODUCTION),
    ]
    told = drawn(slices, 0, 10 * hour)
    assert [word for _, _, word in told] == ["production", "failed", "production"]
    assert told[0][0] == 0
    assert told[-1][1] == 10 * hour / NS_PER_MS
