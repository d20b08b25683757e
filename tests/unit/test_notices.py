"""What every page says in a line of its own."""

from __future__ import annotations

from connectors.stores.memory import MemoryStore
from dashboards.notices import CLASH_TOLD_NS, Notices
from twin.clock import NS_PER_S, ManualClock
from twin.config import StoreConfig
from twin.events import Event, EventKind
from twin.ports import Commit, Folded
from twin.sample import batch_of

T0 = 1_795_400_000 * NS_PER_S


def test_a_clash_of_identities_is_said_for_an_hour(tmp_path):
    clock, store = ManualClock(T0), MemoryStore()
    notices = Notices(StoreConfig(f"sqlite:///{tmp_path / 'twin.db'}", low_mb=0, floor_mb=0), clock)
    assert notices.look(store) == []
    clash = Event(EventKind.IDENTITY_CLASH, T0, "site/arm", before="one", after="two")
    store.append(Commit(batch_of("w", 1, T0, []), events=(clash,)), lambda _: Folded((), ()))
    clock.advance(10)
    assert [(one["kind"], one["asset"], one["before"], one["after"]) for one in notices.look(store)] == [
        ("identity_clash", "site/arm", "one", "two")
    ]
    clock.advance(CLASH_TOLD_NS / NS_PER_S)
    assert notices.look(store) == []
