"""The processes that compute beside the plant: one loop that follows the store and publishes as a device does.

What is computed comes in by the door of all devices (`twin.computed`): it is stored before it is acknowledged,
folded, alarmed of and replayed as any signal is, and ingest never waits for it. See docs/decisions/0044.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Protocol

from connectors.broker import url_of
from connectors.desk import Desk
from connectors.factory_file import read_secret
from connectors.publish import Publisher
from connectors.stores.lock import writer_lock
from connectors.stores.sql import open_history
from connectors.wall_clock import WallClock
from twin.clock import NS_PER_S
from twin.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable

    from twin.clock import Clock
    from twin.computed import Computed
    from twin.config import Factory
    from twin.ports import History

log = logging.getLogger(__name__)
LOOK_S = 1.0
TAKE_UP_NS = 3 * NS_PER_S
"""How often the desk is asked what is to be computed."""
MOST_UNDER_WAY = 250
"""Messages that the broker has not taken yet; below the window of a publisher, which would wait deaf to ``stop``."""
ROOM_S = 0.05


class Follower(Protocol):
    """Computes what came since the last look. Mutable: it remembers how far it is."""

    def take_up(self, history: History, desk: Desk, now_ns: int) -> None:
        """Read from these from now on, and compute what the desk wants now.

        Called first, then every few seconds, and with others where the store was lost. Raises StoreError.
        """

    def look(self, history: History, now_ns: int) -> Iterable[tuple[str, bytes]]:
        """(topic, payload) of what is to be published, in order, made as it is taken. Raises StoreError."""


def resume_ns(said_ns: int | None, newest_ns: int, back_ns: int, fresh_ns: int) -> int:
    """Behind which instant to go on: the last of which something was said, no further back than ``back_ns``.

    Where nothing was said: ``fresh_ns`` before the newest.
    """
    return newest_ns - fresh_ns if said_ns is None else max(said_ns, newest_ns - back_ns)


def follow(
    factory: Factory, computed: Computed, follower: Follower, stop: threading.Event, *, patient: bool = True
) -> int:
    """Compute and publish until ``stop`` is set; one process of a kind and store at a time. Returns the messages.

    The broker lost: what is computed waits, and what the broker has not taken is sent again. The store lost: it is
    opened again, and the follower goes on where it was. Killed: the next one goes on behind what was stored.

    Raises StoreError where another process does it already; of one that is not ``patient`` BrokerError and
    StoreUnavailable, where there is no broker or no store to begin with.
    """
    clock = WallClock()
    with writer_lock(factory.store.url, computed.name), ExitStack() as stack:
        name = f"factory-twin-{factory.hub.id}-{computed.name}"
        password = read_secret(factory.broker.password)
        publisher = Publisher(url_of(factory.broker), name, factory.broker, password, durable=False)
        stack.callback(publisher.close)
        if not patient:
            open_history(factory.store.url).close()
            publisher.wait_connected()
        outlet, level = Outlet(publisher, stop), logging.INFO
        while not stop.is_set():
            try:
                with (
                    closing(open_history(factory.store.url)) as history,
                    closing(Desk(factory.store.url, clock)) as desk,
                ):
                    level = logging.WARNING
                    _follow(history, desk, follower, outlet, clock)
            except StoreUnavailable as error:
                # At the beginning it may not be there yet: that is no news.
                log.log(level, "%s: nothing can be read now: %s", computed.name, error)
                stop.wait(LOOK_S)
            except StoreError:
                log.exception("%s: nothing can be read now", computed.name)
                stop.wait(LOOK_S)
    return outlet.sent


class Outlet:
    """Messages out to the broker as it takes them. Mutable; one thread sends."""

    def __init__(self, publisher: Publisher, stop: threading.Event) -> None:
        self._publisher = publisher
        self.stop = stop
        self.sent = 0

    def send(self, topic: str, payload: bytes) -> bool:
        """Send one, once there is room; False when told to stop before."""
        self._publisher.acknowledged()
        while self._publisher.unacknowledged >= MOST_UNDER_WAY:
            if self.stop.wait(ROOM_S):
                return False
            self._publisher.acknowledged()
        self._publisher.publish(topic, payload)
        self.sent += 1
        return True


def _follow(history: History, desk: Desk, follower: Follower, outlet: Outlet, clock: Clock) -> None:
    """Look again and again at one store; raises StoreError."""
    taken_ns = clock.now_ns()
    follower.take_up(history, desk, taken_ns)
    while not outlet.stop.wait(LOOK_S):
        now_ns = clock.now_ns()
        if not 0 <= now_ns - taken_ns < TAKE_UP_NS:
            taken_ns = now_ns
            follower.take_up(history, desk, now_ns)
        for topic, payload in follower.look(history, now_ns):
            if not outlet.send(topic, payload):
                return
