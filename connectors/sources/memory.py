"""An MQTT-like broker and its source in one process and without threads: for tests, notebooks and simulated faults.

Nothing moves by itself: `MemoryBroker.pump` lets the network run for a moment. The broker keeps
sessions, gives packet ids, sends again what was not acknowledged, and forgets what it is told to.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from twin.config import OWN_TOPICS, topic_matches
from twin.events import Event, EventKind
from twin.message import Message
from twin.ports import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from connectors.sources import Surroundings
    from twin.config import SourceConfig
    from twin.message import Ask

WINDOW = 100
MAX_MID = 65_535


class Packet(NamedTuple):
    """A PUBLISH on its way to a client; ``mid`` is 0 at QoS 0, ``again`` is the DUP flag."""

    mid: int
    topic: str
    payload: bytes
    qos: int
    retain: bool
    again: bool = False


class _Receipt(NamedTuple):
    generation: int
    mid: int


@dataclass(slots=True)
class _Session:
    """What the broker keeps of a client (mutable): it outlives connections."""

    topics: tuple[str, ...]
    queue: deque[Packet] = field(default_factory=deque)
    in_flight: dict[int, Packet] = field(default_factory=dict)
    last_mid: int = 0
    client: Source | None = None


class MemoryBroker:
    """Sessions, and the messages that wait in them. Mutable; one thread.

    ``window`` bounds what is under way to a client, ``max_mid`` is the highest packet id before they
    begin anew. ``acknowledged`` is told of every message whose delivery a client has acknowledged.
    """

    def __init__(
        self,
        window: int = WINDOW,
        max_mid: int = MAX_MID,
        acknowledged: Callable[[Packet], None] = lambda _packet: None,
    ) -> None:
        self.up = True
        self.sessions: dict[str, _Session] = {}
        self._window = window
        self._max_mid = max_mid
        self._acknowledged = acknowledged
        self._clients: dict[str, Source] = {}

    def publish(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False) -> bool:
        """Take a message for every session that wants it; False (no PUBACK) while the broker is down."""
        if not self.up:
            return False
        for session in self.sessions.values():
            wanted = any(topic_matches(pattern, topic) for pattern in session.topics)
            if wanted and (qos or session.client is not None):
                session.queue.append(Packet(0, topic, payload, qos, retain))
        return True

    def pump(self, limit: int = WINDOW) -> int:
        """Let clients connect again, and each take up to ``limit`` messages; how many were handed on."""
        if not self.up:
            return 0
        handed = 0
        for name, client in list(self._clients.items()):
            session = self.sessions.get(name)
            if session is None or session.client is not client:
                client.connect()
                session = self.sessions[name]
            handed += self._send(client, session, limit)
        return handed

    def _send(self, client: Source, session: _Session, limit: int) -> int:
        if not client.offer_again():
            return 0
        packets: list[Packet] = []
        while session.queue and len(packets) < limit:
            packet = session.queue[0]
            if packet.qos:
                if len(session.in_flight) >= self._window:
                    break
                packet = packet._replace(mid=self._free_mid(session))
                session.in_flight[packet.mid] = packet
            session.queue.popleft()
            packets.append(packet)
        client.receive(packets)
        return len(packets)

    def _free_mid(self, session: _Session) -> int:
        while True:
            session.last_mid = session.last_mid % self._max_mid + 1
            if session.last_mid not in session.in_flight:
                return session.last_mid

    def send_again(self, name: str, choose: Callable[[list[Packet]], Iterable[Packet]] = list) -> None:
        """Send what a connected client has not acknowledged again, on the same connection, as NATS does."""
        session = self.sessions.get(name)
        if self.up and session is not None and session.client is not None and session.client.offer_again():
            session.client.receive([packet._replace(again=True) for packet in choose(list(session.in_flight.values()))])

    def break_connection(self, name: str) -> None:
        """The network drops a client; its session stays, and `pump` lets it connect again."""
        session = self.sessions.get(name)
        if session is not None and session.client is not None:
            client, session.client = session.client, None
            client.lost("connection broken")

    def stop(self) -> None:
        """End; sessions are kept (persistence)."""
        self.up = False
        for name in self.sessions:
            self.break_connection(name)

    def start(self) -> None:
        """Begin again."""
        self.up = True

    def forget(self) -> list[Packet]:
        """Lose every session and what waited in it, as a broker without persistence does; what that was."""
        gone = [
            packet
            for session in self.sessions.values()
            for packet in (*session.in_flight.values(), *session.queue)
            if packet.qos
        ]
        for name in self.sessions:
            self.break_connection(name)
        self.sessions.clear()
        return gone

    # What a client says to it.

    def enter(self, name: str, topics: tuple[str, ...], client: Source) -> bool | None:
        """Connect and subscribe; whether there was a session, None while nobody answers.

        What was not acknowledged comes first, in order, with its packet id and DUP.
        """
        self._clients[name] = client
        if not self.up:
            return None
        session = self.sessions.get(name)
        present = session is not None
        if session is None:
            session = self.sessions[name] = _Session(topics)
        elif session.client is not None and session.client is not client:
            session.client.lost("taken over")
        session.topics, session.client = topics, client
        return present

    def unacknowledged(self, name: str) -> list[Packet]:
        """What a client that has just connected gets first."""
        return [packet._replace(again=True) for packet in self.sessions[name].in_flight.values()]

    def leave(self, name: str) -> None:
        """Disconnect for good, or until the next `enter`."""
        self._clients.pop(name, None)
        session = self.sessions.get(name)
        if session is not None:
            session.client = None

    def take_puback(self, name: str, mid: int) -> None:
        """A PUBACK: the packet id is free, whatever the message was that has it now."""
        session = self.sessions.get(name)
        packet = session.in_flight.pop(mid, None) if session is not None else None
        if packet is not None:
            self._acknowledged(packet)


class Source:
    """A client of a `MemoryBroker`, with the rules of the real one. Mutable; one thread."""

    def __init__(self, config: SourceConfig, surroundings: Surroundings, broker: MemoryBroker | None = None) -> None:
        self.name = config.name
        self.asks_dropped = 0
        self.broker = broker or MemoryBroker()
        self._topics = config.topics
        self._client_id = surroundings.client_id
        self._clock = surroundings.clock
        self._expects_session = surroundings.expects_session
        self._generation = 0
        self._connected = False
        self._held = False
        self._stopped = False
        self._in_flight: set[int] = set()
        self._waiting: list[Delivery] = []

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection and the subscriptions."""
        return self._connected

    def start(self, deliver: Callable[[Sequence[Delivery]], int], report: Callable[[Event], None]) -> None:
        """Connect; where the broker is down, `MemoryBroker.pump` tries again."""
        self._deliver, self._report = deliver, report
        self.connect()

    def connect(self) -> None:
        """Enter the broker: a new connection, on which older receipts are void."""
        present = self.broker.enter(self._client_id, self._topics, self)
        if present is None:
            return
        self._generation += 1
        self._in_flight.clear()
        self._waiting = []
        self._connected = True
        if self._expects_session and not present:
            self._tell(EventKind.SESSION_LOST)
        self._expects_session = True
        self._tell(EventKind.SOURCE_CONNECTED)
        self.receive(self.broker.unacknowledged(self._client_id))

    def lost(self, reason: str) -> None:
        """The connection is gone."""
        if self._connected:
            self._connected = False
            self._tell(EventKind.SOURCE_LOST, reason)

    def receive(self, packets: Sequence[Packet]) -> None:
        """Take what comes over the connection."""
        now_ns = self._clock.now_ns()
        for packet in packets:
            if packet.mid in self._in_flight:
                continue  # sent again while its first copy waits to be stored: one acknowledgement serves both
            if packet.topic.startswith(OWN_TOPICS):
                self.broker.take_puback(self._client_id, packet.mid)
                continue
            if packet.mid:
                self._in_flight.add(packet.mid)
            message = Message(packet.topic, packet.payload, now_ns, packet.qos, packet.retain)
            self._waiting.append(Delivery(self.name, message, _Receipt(self._generation, packet.mid)))
        self.offer_again()

    def offer_again(self) -> bool:
        """Offer what found no room; whether all of it has now."""
        if self._waiting:
            self._waiting = self._waiting[self._deliver(self._waiting) :]
        return not self._waiting

    def acknowledge(self, receipts: Sequence[object]) -> None:
        """PUBACKs, in order, for messages of the present connection; older receipts are void."""
        for receipt in receipts:
            if isinstance(receipt, _Receipt) and self._connected and receipt.generation == self._generation:
                self._in_flight.discard(receipt.mid)
                if receipt.mid:
                    self.broker.take_puback(self._client_id, receipt.mid)

    def ask(self, asks: Sequence[Ask]) -> None:
        """Publish these, in order; what cannot be sent now is dropped, and counted in ``asks_dropped``."""
        for one in asks:
            valid = one.topic and not set("+#\0") & set(one.topic)
            if not (
                self._connected and valid and self.broker.publish(one.topic, one.payload, one.qos, retain=one.retain)
            ):
                self.asks_dropped += 1

    def hold(self) -> None:
        """Leave the broker until `resume`; the session stays."""
        if not self._held and not self._stopped:
            self._held = True
            self._leave("held: the store is away")

    def resume(self) -> None:
        """Connect again where it was held, and offer what found no room."""
        if self._held:
            self._held = False
            self.connect()
        elif self._connected:
            self.offer_again()

    def stop(self) -> None:
        """Leave the broker; the session stays."""
        self._held, self._stopped = False, True
        self._leave("")

    def _leave(self, reason: str) -> None:
        self.broker.leave(self._client_id)
        self._waiting = []
        self._in_flight.clear()
        if reason:
            self.lost(reason)
        self._connected = False

    def _tell(self, kind: EventKind, after: str = "") -> None:
        self._report(Event(kind, self._clock.now_ns(), f"twin/ingest/{self.name}", after=after))
