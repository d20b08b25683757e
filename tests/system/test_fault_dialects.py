"""Faults of simulated devices in the dialects that they speak: what is decoded of them raises their alarms."""

from __future__ import annotations

from dataclasses import replace

import pytest
from simulated import START_NS, cast_of

from connectors.ingest.decoding import Decoding
from connectors.plugins import make_decoder, rules_of
from connectors.publish import DOWN, UP
from twin.alarms import AlarmBook, AlarmEventKind
from twin.clock import NS_PER_S
from twin.config import topic_matches
from twin.events import Event
from twin.message import Message
from twin.mirror import Mirror
from twin.ports import Delivery
from twin.sample import batch_of
from twin.simulation.faults import Fault, FaultKind
from twin.simulation.judge import judge

pytestmark = pytest.mark.slow
SECONDS = 400
AT_S = 20.0
FAULTS = (
    Fault(FaultKind.CONVEYOR_JAM, "jeonju/weld/line1/CV-1", AT_S, 60.0),
    Fault(FaultKind.AXIS_FRICTION, "jeonju/weld/line1/R-101", AT_S),
    Fault(FaultKind.GRIP_LOST, "jeonju/weld/line1/R-103", AT_S, 200.0),
    Fault(FaultKind.NETWORK_CUT, "jeonju/weld/line1/R-108", AT_S, 60.0),
    Fault(FaultKind.AMR_BLOCKED, "jeonju/fleet/AMR-01", AT_S, 300.0),
    Fault(FaultKind.AMR_LOW_BATTERY, "changwon/fleet/AMR-12", AT_S, 200.0),
    Fault(FaultKind.NETWORK_CUT, "jeonju/fleet/AMR-03", AT_S, 60.0),
    Fault(FaultKind.NETWORK_CUT, "jeonju/assembly/EM-2", AT_S, 60.0),
    Fault(FaultKind.SENSOR_DROPOUT, "jeonju/weld/ENV-1", AT_S, 100.0),
    Fault(FaultKind.SENSOR_DROPOUT, "changwon/machining/ENV-12", AT_S, 100.0),
    Fault(FaultKind.NETWORK_CUT, "jeonju/assembly/ENV-2", AT_S, 60.0),
    Fault(FaultKind.SENSOR_DROPOUT, "changwon/machining/line1/MT-03", AT_S, 100.0),
    Fault(FaultKind.TOOL_BREAKAGE, "changwon/machining/line1/MT-02", AT_S, 300.0),
    Fault(FaultKind.NETWORK_CUT, "changwon/machining/line2/MT-06", AT_S, 60.0),
)
LINE_2 = {f"changwon/machining/line2/MT-0{number}" for number in (5, 6, 7, 8)} | {"changwon/machining/edge-line2"}


class Told:
    """Both sites' devices, and what an ingest makes of what they say, second by second (mutable)."""

    def __init__(self, factory):
        self.factory = factory
        self.casts = [cast_of(site, factory) for site in factory.hub.sites]
        decoders = {s.name: make_decoder(s.decoder, s.options, s.name, factory.hub) for s in factory.sources}
        self.decoding = Decoding(decoders, 60.0, 5000, lambda: 0.0)
        self.mirror, self.book = Mirror(), AlarmBook(rules_of(factory))
        self.journal, self.events, self.troubles, self.letters = [], [], [], []
        self.historical, self.n, self.cut = set(), 0, set()

    def fold(self, said, now_ns):
        messages = [Message(one.topic, one.payload, now_ns, one.qos) for one in said]
        deliveries = [Delivery(self.source_of(message.topic), message) for message in messages]
        decoded = self.decoding.ticked(self.decoding.decode(deliveries, 1_000_000), now_ns)
        self.letters += decoded.letters.values()
        outside = [one.word for one in decoded.asides if isinstance(one.word, Event)]
        parts = [part for part, _ in decoded.parts]
        self.historical |= {part.stream.asset for part in parts if part.stream.id.endswith("~history")}
        self.n += 1
        batch = batch_of("w", self.n, now_ns, parts)
        events = self.mirror.apply(batch)
        self.events += (*outside, *events)
        self.journal += self.book.apply(batch, self.mirror, (*outside, *events))

    def source_of(self, topic):
        return next(s.name for s in self.factory.sources if any(topic_matches(one, topic) for one in s.topics))

    def run(self, seconds):
        said = [one for cast in self.casts for one in cast.hello(START_NS)]
        for second in range(1, seconds + 1):
            now_ns = START_NS + second * NS_PER_S
            for cast in self.casts:
                said += cast.advance(now_ns, slow=True, rows=1)
                self.troubles += cast.troubles()
                said += self.pull(cast)
            self.fold(said, now_ns)
            said = []

    def pull(self, cast):
        """What a broker and a client do when a connection breaks and comes back."""
        said = []
        for line, edge in cast.edges.items():
            if line in cast.cut_lines() and line not in self.cut:
                self.cut.add(line)
                said += edge.farewell(0)  # its will is the same message
                said += edge.hear(*DOWN)
            elif line in self.cut and line not in cast.cut_lines():
                self.cut.discard(line)
                edge.edge.will()
                said += edge.hear(*UP)
        return said


@pytest.fixture(scope="module")
def told(demo_factory):
    simulate = replace(demo_factory.simulate, fault=FAULTS, breakdowns=False)
    found = Told(replace(demo_factory, simulate=simulate))
    found.run(SECONDS)
    return found


def test_each_fault_is_told_in_the_dialect_of_its_device(told):
    judgement = judge(told.journal, told.troubles, also={"changwon/machining/line2/MT-06": LINE_2})
    for verdict in judgement.verdicts:
        alarm = verdict.alarm
        print(verdict.trouble.kind, verdict.trouble.asset, verdict.delay_s, None if alarm is None else alarm.alarm)
    assert len(judgement.verdicts) == len(FAULTS)
    assert judgement.missed == ()
    assert judgement.false == ()
    assert told.letters == []


def test_a_blocked_robot_tells_of_it_by_an_error_of_its_own_and_goes_on_after(told):
    (trouble,) = [one for one in told.troubles if one.kind == FaultKind.AMR_BLOCKED]
    states = [one for one in told.events if one.asset == trouble.asset and one.signal == "state"]
    assert [(one.before, one.after) for one in states if one.t_ns >= trouble.start_ns][:2] == [
        ("Execute", "Suspended"),
        ("Suspended", "Execute"),
    ]
    (error, *_) = [one for one in told.journal if one.asset == trouble.asset]
    assert (error.rule, error.kind) == ("device_error", AlarmEventKind.RAISED)
    assert "obstacleInProtectiveField" in error.signal


def test_an_edge_node_whose_network_was_cut_tells_afterwards_what_it_kept(told):
    assert {asset for asset in told.historical if asset.startswith("changwon/machining/line2/")} == LINE_2 - {
        "changwon/machining/edge-line2"
    }
    assert "changwon/machining/line1/MT-02" not in told.historical
