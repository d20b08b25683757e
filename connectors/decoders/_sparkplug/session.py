"""What a host remembers of a node: its session, its sequence, its devices, and what waits.

One sequence runs over a node's messages, 0 to 255 and round again (tck-id-payloads-sequence-num-incrementing).
It is unwrapped to a count from the session's birth; the session's epoch stands above it, so that a
message sent again is the same frame, and frames of a new session are newer than those of an old one.
"""

from __future__ import annotations

import zlib

import msgspec

from connectors.decoders._sparkplug.places import PLACE_BITS
from connectors.decoders._sparkplug.readings import Definition  # noqa: TC001  msgspec reads it
from twin.clock import NS_PER_S
from twin.message import Message
from twin.sample import SEQ_EPOCH_SHIFT

MODULUS = 256
_MAX_COUNT = 1 << (SEQ_EPOCH_SHIFT - PLACE_BITS)
_EPOCHS = 1 << 22
MAX_SESSIONS = 8
"""So many births of a node are known again: a recorded one played twice is the same session."""
MAX_HELD = 256
MAX_ASK_DOUBLINGS = 6


class Held(msgspec.Struct, array_like=True):
    """A message whose meaning waits, and why."""

    topic: str
    payload: bytes
    received_ns: int
    qos: int
    retain: bool
    until_ns: int
    reason: str
    count: int = -1

    @property
    def message(self) -> Message:
        """The message as it was."""
        return Message(self.topic, self.payload, self.received_ns, self.qos, self.retain)


class Device(msgspec.Struct, array_like=True):
    """A device of a node. ``count`` is that of the birth or death that was the last word on it.

    ``digest`` is that of its birth in this session, "" before it came.
    """

    asset: str
    online: bool = False
    count: int = -1
    digest: str = ""


class Birth(msgspec.Struct, array_like=True):
    """What the births of a session said: definitions by device ("" is the node) and path, and whose an alias is."""

    definitions: dict[str, dict[str, Definition]] = {}
    aliases: dict[int, tuple[str, str]] = {}
    templates: dict[str, dict[str, int]] = {}
    earlier: dict[int, tuple[str, str]] = {}
    """The aliases of the session before: some clients leave names out of a birth that comes again."""

    @property
    def size(self) -> int:
        """How many metrics it defines."""
        return sum(map(len, self.definitions.values()))

    def packed(self) -> bytes:
        """As bytes, small: they are saved with every state."""
        return zlib.compress(msgspec.msgpack.encode(self), 1)


def unpacked(data: bytes) -> Birth:
    """The inverse of `Birth.packed`."""
    return msgspec.msgpack.decode(zlib.decompress(data), type=Birth)


class Node(msgspec.Struct):
    """A node as its host knows it. Mutable; all of it is saved, so that a restart changes nothing."""

    group: str
    node: str
    asset: str
    epoch: int = 0
    epochs: int = 0
    count: int = -1
    first: int = 0
    born: bool = False
    online: bool = False
    bdseq: int = -1
    birth_ns: int = 0
    digest: str = ""
    sessions: dict[str, int] = {}
    devices: dict[str, Device] = {}
    heard_ns: int = 0
    """When the newest message of the session was received."""
    missing: list[int] = []
    deadline_ns: int = 0
    held: list[Held] = []
    suspect_ns: int = 0
    suspect_until_ns: int = 0
    ask_ns: int = 0
    asks: int = 0
    asked_ns: int = 0
    awaited: bool = False
    """Whether a birth was asked for that has not come."""
    from_copy: bool = False
    """Whether the session began with the copy of its birth that an aware broker keeps."""
    told: list[str] = []
    birth: bytes = b""

    @property
    def key(self) -> str:
        """Group and node."""
        return f"{self.group}/{self.node}"

    @property
    def is_steady(self) -> bool:
        """Whether nothing is missing, waits or is in doubt: then the next data message is like the last."""
        return self.born and self.online and not self.missing and not self.held and not self.suspect_until_ns

    @property
    def has_timer(self) -> bool:
        """Whether time alone can change it."""
        return bool(self.deadline_ns or self.held or self.suspect_until_ns or self.ask_ns)

    def begin(self, digest: str, seq: int) -> None:
        """Begin a session with its birth; one that is known takes its epoch again."""
        epoch = self.sessions.pop(digest, None)
        if epoch is None:
            self.epochs = (self.epochs + 1) % _EPOCHS
            epoch = self.epochs
        self.sessions[digest] = epoch
        while len(self.sessions) > MAX_SESSIONS:
            del self.sessions[next(iter(self.sessions))]
        self.epoch, self.digest = epoch, digest
        self.count = self.first = seq
        self.missing, self.deadline_ns, self.awaited, self.from_copy = [], 0, False, False

    def begin_unborn(self, seq: int) -> None:
        """Begin a session that was under way before anybody listened."""
        self.epochs = (self.epochs + 1) % _EPOCHS
        self.epoch, self.digest, self.count, self.first = self.epochs, "", seq - 1, seq

    def place(self, seq: int, late: int, *, old: bool = False) -> int:
        """The count that a sequence number means: up to ``late`` messages behind the newest, or ahead of it.

        An ``old`` message, such as a dead letter that is read again, is never ahead. -1 for one that
        came before the session's birth.
        """
        expected = self.count + 1
        ahead = (seq - expected) % MODULUS
        if ahead >= MODULUS - late or (old and ahead):
            behind = expected - (MODULUS - ahead)
            return behind if behind >= self.first else -1
        return expected + ahead

    def take(self, count: int, now_ns: int, window_ns: int) -> None:
        """Note that the message of that count has come; opens the window at a gap, closes it when all is there."""
        if count > self.count:
            self.heard_ns = now_ns
            self.missing.extend(range(self.count + 1, count))
            if len(self.missing) > MODULUS:
                del self.missing[: len(self.missing) - MODULUS]
            self.count = count
            if self.missing and not self.deadline_ns:
                self.deadline_ns = now_ns + window_ns
            if count >= _MAX_COUNT - 1:
                self.begin_unborn((count + 1) % MODULUS)
        elif count in self.missing:
            self.missing.remove(count)
            if not self.missing:
                self.deadline_ns = 0

    def frame_seq(self, count: int) -> int:
        """The ``seq`` of the frames of a message, their place not counted."""
        return self.epoch << SEQ_EPOCH_SHIFT | count << PLACE_BITS

    def want_birth(self, now_ns: int, delay_ns: int, interval_ns: int) -> None:
        """Note that a birth is needed, to be asked for in ``delay_ns``; each time in vain waits twice as long."""
        if self.ask_ns:
            return
        if now_ns - self.asked_ns > interval_ns << (MAX_ASK_DOUBLINGS + 1):
            self.asks = 0
        waits_ns = interval_ns << min(self.asks - 1, MAX_ASK_DOUBLINGS) if self.asks else 0
        self.ask_ns = max(now_ns + delay_ns, self.asked_ns + waits_ns, 1)

    def ask_due(self, now_ns: int) -> bool:
        """Whether to ask now; notes that it is done."""
        if not self.ask_ns or now_ns < self.ask_ns:
            return False
        self.ask_ns, self.asked_ns, self.asks, self.awaited = 0, now_ns, self.asks + 1, True
        return True


def jitter_ns(key: str, span_s: float) -> int:
    """A delay of its own for each node, the same at each start: many nodes are not asked in one moment."""
    return round(zlib.crc32(key.encode("utf-8", "surrogatepass")) / 2**32 * span_s * NS_PER_S)
