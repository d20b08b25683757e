"""The hub: the web process's live state, and what each browser still has to be told.

A browser is sent the newest values only. One that stalls keeps a set of changed streams, never a
queue of packets, so its memory is bounded by the number of streams.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.packet import CHANGES, FULL, decode_packet, encode_packet
from dashboards.access import scope
from dashboards.live_alarms import LiveAlarms
from dashboards.status import Ingest, ledger, ms
from dashboards.summary.alarm_words import AlarmWords
from dashboards.summary.directory import EVERY_SITE, belongs, directory
from dashboards.view import LiveView
from dashboards.viewings import Viewings
from twin.alarms import rules_by_asset
from twin.clock import NS_PER_S
from twin.errors import DecodeError, StoreError
from twin.ids import site_of
from twin.layout import laid_over

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dashboards.notices import Notices
    from dashboards.reader import Reader
    from twin.clock import Clock
    from twin.layout import Layout
    from twin.sample import Latest, Stream
    from twin.site import AssetType, Hub

log = logging.getLogger(__name__)
TICK_S = 0.1
STATUS_S = 1.0
ALARMS_S = 0.5
"""How often the store is asked whether the journal of alarms has gone on."""
QUIET_S = 2.0
"""Without packets for this long (the broker is away) the store itself is asked what is new."""
RELOAD_S = 1.0
MAX_CLIENTS = 200


class Client:
    """What one browser still has to be told (mutable; the hub's loop writes, its own task takes)."""

    def __init__(self, site: str, reach: frozenset[str] | None = None) -> None:
        self.site = site
        self.reach = reach
        """The sites that its person sees; None for all."""
        self.wake = asyncio.Event()
        self.pending: set[str] = set()
        self.packet: bytes | None = None
        self.directory = False
        self.status: str | None = None
        self.alarms: set[str] | None = None
        """Ids of alarms that are news to it; None where nothing about alarms is."""
        self.session: str | None = None
        """What its own replay is to be told: that it will end, or has."""

    def tell_session(self, text: str) -> None:
        """Tell its browser of its own replay; of two words the newer one."""
        self.session = text
        self.wake.set()

    def offer(self, changed: set[str], packet: bytes) -> None:
        """A packet of changes: handed on as it is when nothing waits, else merged into what waits."""
        if self.packet is None and not self.pending:
            self.packet = packet
            self.pending = changed
        else:
            self.packet = None
            self.pending = self.pending | changed
        self.wake.set()


class LiveHub:
    """Live state and clients. Mutable; only the event loop's thread touches it."""

    def __init__(  # noqa: PLR0913  what it is made of
        self,
        hub: Hub,
        types: Mapping[str, AssetType],
        reader: Reader,
        clock: Clock,
        notices: Notices | None = None,
        words: AlarmWords | None = None,
    ) -> None:
        self.hub = hub
        self.placed = hub
        """The hub with its assets where people put them."""
        self.layouts: Mapping[str, Layout] = {}
        self.types = types
        self.clock = clock
        self._streams: dict[int, Stream] = {}
        self._latest: dict[str, Latest] = {}
        self.clients: set[Client] = set()
        self.viewings = Viewings(clock)
        """What the open pages look at."""
        self.ingest = Ingest()
        self.ledger: dict[str, int] = ledger({})
        self.by_source: dict[str, dict[str, Any]] = {}
        self.connected = False
        """Whether the broker's connection stands; the subscription tells."""
        self.packets_ns = 0
        self.undecoded = 0
        self.notices = notices
        words = words or AlarmWords(rules_by_asset(hub, {name: kind.alarms for name, kind in types.items()}))
        self.alarms = LiveAlarms(words, [site.id for site in hub.sites])
        self._reader = reader
        self._keys: dict[str, int] = {}
        self._unsure: set[str] = set()
        self._changed: set[str] = set()
        self._waiting: list[bytes] = []
        self._reloaded_ns = 0

    @property
    def streams(self) -> dict[int, Stream]:
        """Every stream by its key, as far as the person who asks may see it."""
        sites = scope.reach()
        return self._streams if sites is None else scope.streams_of(self._streams, sites)

    @property
    def latest(self) -> dict[str, Latest]:
        """The newest frame of each of these, by stream id."""
        if scope.reach() is None:
            return self._latest
        return {one.id: self._latest[one.id] for one in self.streams.values() if one.id in self._latest}

    def receive(self, body: bytes) -> None:
        """Take a packet of changes from ingest; one that uses an unknown stream waits for the directory."""
        self.packets_ns = self.clock.now_ns()
        try:
            _, _, entries = decode_packet(body, self._streams)
        except DecodeError as error:
            self._waiting = [*self._waiting[-20:], body]
            log.debug("a packet waits for the directory: %s", error)
            return
        self._take(latest for _, latest in entries)

    def _take(self, frames: Iterable[Latest]) -> None:
        for latest in frames:
            stream = latest.stream.id
            if stream in self._unsure:
                # What the store gave may be newer than a packet that was under way meanwhile.
                self._unsure.discard(stream)
                if self._latest[stream].received_ns > latest.received_ns:
                    continue
            self._latest[stream] = latest
            self._changed.add(stream)
            self.ingest.hear(latest, self.clock.now_ns())

    def lay(self, layouts: Mapping[str, Layout]) -> None:
        """Put the assets where the layouts in force say, and tell every browser that they moved."""
        if layouts == self.layouts:
            return
        self.layouts = layouts
        self.placed = laid_over(self.hub, layouts.values())
        for client in self.clients:
            client.directory = True
            client.wake.set()

    async def load(self) -> None:
        """Read streams and latest values from the store; raises StoreUnavailable when it is away."""
        self._reloaded_ns = self.clock.now_ns()
        history = self._reader.history()
        streams = await asyncio.to_thread(history.streams)
        latest = await asyncio.to_thread(history.latest)
        self._know(streams)
        fresh = [one for name, one in latest.items() if name not in self._latest or _differs(self._latest[name], one)]
        self._unsure -= {one.stream.id for one in fresh}
        self._take(fresh)
        self._unsure |= set(latest)

    def _know(self, streams: dict[int, Stream]) -> None:
        if streams == self._streams:
            return
        self._streams = streams
        self._keys = {stream.id: key for key, stream in streams.items()}
        for client in self.clients:
            client.directory = True
            client.wake.set()

    async def run(self) -> None:
        """Tick until cancelled: packets ten times a second, alarms twice, status once."""
        next_status_ns = next_alarms_ns = 0
        while True:
            now_ns = self.clock.now_ns()
            if self._waiting and now_ns - self._reloaded_ns > RELOAD_S * NS_PER_S:
                await self._learn()
            if now_ns >= next_status_ns:
                next_status_ns = now_ns + round(STATUS_S * NS_PER_S)
                await self._once_a_second()
            if now_ns >= next_alarms_ns:
                next_alarms_ns = now_ns + round(ALARMS_S * NS_PER_S)
                await self.look_at_alarms()
            self._tick()
            await asyncio.sleep(TICK_S)

    async def _learn(self) -> None:
        """Packets wait because they use streams that are new: read the directory again."""
        self._reloaded_ns = self.clock.now_ns()
        try:
            history = self._reader.history()
            self._know(await asyncio.to_thread(history.streams))
        except StoreError as error:
            log.debug("the directory cannot be read: %s", error)
            return
        waiting, self._waiting = self._waiting, []
        for body in waiting:
            try:
                self._take(latest for _, latest in decode_packet(body, self._streams)[2])
            except DecodeError as error:
                self.undecoded += 1
                log.warning("a live packet cannot be read: %s", error)

    async def _once_a_second(self) -> None:
        self.viewings.look()
        with contextlib.suppress(StoreError):
            history = self._reader.history()
            if self.clock.now_ns() - self.packets_ns > QUIET_S * NS_PER_S:
                await self.load()
            self.by_source = await asyncio.to_thread(history.by_source)
            self.ledger = ledger(self.by_source)
        if self.notices is not None:
            await asyncio.to_thread(self._look, self.notices)
        told: dict[frozenset[str] | None, str] = {}
        for client in self.clients:
            if client.reach not in told:
                told[client.reach] = msgspec.json.encode(self._status(client.reach)).decode()
            client.status = told[client.reach]
            client.wake.set()

    async def look_at_alarms(self) -> None:
        """Tell every client of the alarms that are news, where there are any."""
        try:
            news = await asyncio.to_thread(self._alarm_news)
        except StoreError as error:
            log.debug("the alarms cannot be read: %s", error)
            return
        if news is not None:
            for client in self.clients:
                client.alarms = news | (client.alarms or set())
                client.wake.set()

    def _alarm_news(self) -> set[str] | None:
        number = self._reader.history().last_alarm_event()
        if not self.alarms.is_due(number, self.clock.now_ns()):
            return None
        load = self.alarms.load
        news = self.alarms.look(self.view(), number)
        return news if news or load != self.alarms.load else None

    def _look(self, notices: Notices) -> None:
        history = None
        with contextlib.suppress(StoreError):
            history = self._reader.history()
        try:
            notices.look(history)
        except StoreError:
            notices.look(None)

    def _tick(self) -> None:
        changed, self._changed = self._changed, set()
        if not changed:
            return
        packets: dict[tuple[str, frozenset[str] | None], tuple[set[str], bytes]] = {}
        for client in self.clients:
            asked = (client.site, client.reach)
            if asked not in packets:
                mine = {stream for stream in changed if _is_of(self._latest[stream], *asked)}
                packets[asked] = (mine, self._encode(CHANGES, mine) if mine else b"")
            mine, packet = packets[asked]
            if mine:
                client.offer(mine, packet)

    def _encode(self, kind: int, streams: Iterable[str]) -> bytes:
        entries = [(self._keys[name], self._latest[name]) for name in streams if name in self._keys]
        return encode_packet(kind, self.clock.now_ns(), entries)

    def full(self, site: str) -> bytes:
        """The full state of a site as one packet, as far as the person who asks may see it."""
        sites = scope.reach()
        return self._encode(FULL, [name for name, one in self._latest.items() if _is_of(one, site, sites)])

    def directory(self, site: str = EVERY_SITE) -> dict[str, Any]:
        """The directory of a site, as far as the person who asks may see it."""
        sites = scope.reach()
        hub = self.placed if sites is None else scope.hub_of(self.placed, sites)
        drawings = {
            name: layout.drawing
            for name, layout in self.layouts.items()
            if layout.drawing and (sites is None or name in sites)
        }
        return directory(hub, self.types, self.streams, site, drawings)

    def status(self) -> dict[str, Any]:
        """The status message: see docs/reference/live-protocol.md."""
        return self._status(scope.reach())

    def _status(self, sites: frozenset[str] | None) -> dict[str, Any]:
        now_ns = self.clock.now_ns()
        counted, notices = self.ledger, self.notices.shown if self.notices is not None else []
        if sites is not None:
            sources = scope.sources_of(self._streams.values(), sites)
            counted = ledger({name: row for name, row in self.by_source.items() if name in sources})
            notices = [one for one in notices if "asset" not in one or site_of(one["asset"]) in sites]
        return {
            "type": "status",
            "clock_ms": ms(now_ns),
            "ingest": self.ingest.state(now_ns),
            "lag_s": self.ingest.lag_s(now_ns),
            "frames_per_s": self.ingest.frames_per_s(now_ns),
            "catching_up": self.ingest.catching_up(now_ns),
            "ledger": counted,
            "notices": notices,
        }

    def view(self) -> LiveView:
        """The factory now; raises StoreUnavailable while there is no history. Any thread may ask."""
        history = self._reader.history()
        return LiveView(history, self.clock.now_ns(), self.streams or history.streams(), dict(self.latest))

    def take(self, client: Client) -> list[str | bytes]:
        """What a client is sent next, in order; afterwards nothing waits for it."""
        client.wake.clear()
        messages: list[str | bytes] = []
        if client.directory:
            client.directory = False
            messages.append(msgspec.json.encode(self.directory(client.site)).decode())
        pending, packet = client.pending, client.packet
        client.pending, client.packet = set(), None
        if pending:
            messages.append(packet if packet is not None else self._encode(CHANGES, pending))
        if client.status is not None:
            messages.append(client.status)
            client.status = None
        if client.session is not None:
            messages.append(client.session)
            client.session = None
        if client.alarms is not None:
            messages.append(msgspec.json.encode(self.alarms.told(client.alarms, client.reach)).decode())
            client.alarms = None
        return messages

    def join(self, site: str) -> tuple[Client, list[str | bytes]]:
        """A new client of the person who asks, and what it is sent first: directory, full state, status, alarms."""
        client = Client(site, scope.reach())
        self.clients.add(client)
        first: list[str | bytes] = [
            msgspec.json.encode(self.directory(site)).decode(),
            self.full(site),
            msgspec.json.encode(self.status()).decode(),
            msgspec.json.encode(self.alarms.told(None, client.reach)).decode(),
        ]
        return client, first

    def leave(self, client: Client) -> None:
        """Forget a client."""
        self.clients.discard(client)


def _is_of(latest: Latest, site: str, sites: frozenset[str] | None) -> bool:
    """Whether a frame is of the site that a client asks for, and of those that it may see."""
    asset = latest.stream.asset
    return belongs(asset, site) and (sites is None or site_of(asset) in sites)


def _differs(one: Latest, other: Latest) -> bool:
    """Whether two newest frames of a stream are not the same frame (a packet carries no sequence)."""
    return (one.t_ns // 1000, one.received_ns // 1000) != (other.t_ns // 1000, other.received_ns // 1000)
