"""Which trends an asset's page opens with."""

from __future__ import annotations

from connectors.ingest.aside import PRESENCE
from dashboards.pages.asset import first_signals
from twin.sample import Kind, Role, Signal, stream_of

LIVES = stream_of("s/line/MT-01", "liveness", PRESENCE)


def test_what_is_said_of_the_connection_is_not_drawn_first():
    data = stream_of(
        "s/line/MT-01", "data",
        [Signal("offset", unit="mm"), Signal("vibration", unit="mm/s", high=7.0), Signal("on", Kind.FLAG),
         Signal("power", unit="W", role=Role.POWER, high=9000.0)],
    )  # fmt: skip
    assert LIVES.is_of_a_node
    assert first_signals([LIVES, data]) == [f"s/line/MT-01:{name}" for name in ("power", "vibration", "offset")]
    assert first_signals([LIVES]) == []
