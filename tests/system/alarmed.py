"""A plant with a few alarms: frames of declared assets, folded with the demo's rules into a real store."""

from __future__ import annotations

from simulated import START_NS

from connectors.desk import Desk
from connectors.ingest.alarming import Alarming
from connectors.ingest.folding import Folding
from connectors.plugins import rules_of
from connectors.stores.sql import open_history, open_store
from twin.clock import ManualClock
from twin.keyframes import resume_with_alarms
from twin.ports import Commit
from twin.sample import Kind, Role, Signal, batch_of, frame, stream_of


class Alarmed:
    """One writer, batch by batch, a second each (mutable)."""

    def __init__(self, factory, url) -> None:
        assets = factory.hub.assets()
        self.mill = next(name for name, one in assets.items() if one.type == "machine_tool")
        self.arm = next(name for name, one in assets.items() if one.type == "robot_arm")
        self.url, self.factory = url, factory
        self.clock = ManualClock(START_NS)
        self.store = open_store(url)
        self.history = open_history(url)
        self.desk = Desk(url, self.clock)
        mirror, keyframes, fold = resume_with_alarms(self.history, "w", rules_of(factory))
        self.folding = Folding("w", mirror, keyframes, Alarming(fold, self.desk, 0, self.clock))
        self.n = 0
        self.arms = stream_of(
            self.arm,
            "joints",
            [
                Signal("effort", unit="N.m", role=Role.JOINT_EFFORT, low=-280.0, high=280.0),
                Signal("state", Kind.STATE, role=Role.STATE),
            ],
            period_s=1.0,
            source="a",
        )
        self.mills = stream_of(
            self.mill,
            "data",
            [
                Signal("vibration", unit="mm/s", low=0.0, high=7.1),
                Signal("tool_wear", unit="mm", low=0.0, high=0.3),
            ],
            period_s=1.0,
            source="a",
        )

    @property
    def torque(self) -> str:
        return f"{self.arm}:torque_hihi:effort"

    @property
    def aborted(self) -> str:
        return f"{self.arm}:aborted"

    @property
    def vibration(self) -> str:
        return f"{self.mill}:vibration_hihi"

    def step(self, effort=100.0, state="Execute", vibration=1.0, wear=0.1, seconds=1) -> None:
        """A second, or more of the same, in which the arm and the mill tell this."""
        for _ in range(seconds):
            self.clock.advance(1.0)
            self.n += 1
            now_ns = self.clock.now_ns()
            parts = [
                frame(self.arms, now_ns, self.n, now_ns, (effort,), (state,)),
                frame(self.mills, now_ns, self.n, now_ns, (vibration, wear)),
            ]
            batch = batch_of("w", self.n, now_ns, parts)
            self.folding.begin()
            self.store.append(Commit(batch), lambda stored: self.folding.apply(stored, ()))
            self.folding.settled()

    def close(self) -> None:
        self.history.close()
        self.desk.close()
        self.store.close()
