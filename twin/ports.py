"""The sockets that the outside plugs into. Real ones and in-memory ones pass the same contract suites."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from twin.alarms.kept import AlarmHistory, AlarmsFolded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from twin.events import Event, EventKind
    from twin.message import Ask, DeadLetter, Message
    from twin.receipt import Received
    from twin.sample import Batch, Frames, Latest, Stream
    from twin.skim import Skim


class Delivery(NamedTuple):
    """A message in the hands of ingest, and the receipt its source wants back.

    ``receipt`` is opaque: the source knows from it what to acknowledge, and whether the
    connection it came over is still the one it would acknowledge on.
    """

    source: str
    message: Message
    receipt: object = None


class Source(Protocol):
    """Where messages come from. Delivers into a queue, and takes back acknowledgements."""

    name: str

    @property
    def connected(self) -> bool:
        """Whether what devices send would come: silence counts only then."""
        ...

    def start(self, deliver: Callable[[Sequence[Delivery]], int], report: Callable[[Event], None]) -> None:
        """Begin; both may be called from another thread, and never raise.

        ``deliver`` takes messages in order, and answers how many of them, from the first on, found
        room; the source offers the rest again later, and takes no more from outside meanwhile.
        ``report`` takes a fact about the connection itself.
        """
        ...

    def acknowledge(self, receipts: Sequence[object]) -> None:
        """These, in order, are stored for good. Stale receipts are ignored."""
        ...

    def hold(self) -> None:
        """The store is away for longer: stop receiving until `resume`; called often.

        The broker keeps what comes, and whatever was delivered and not acknowledged comes again.
        """
        ...

    def resume(self) -> None:
        """There is room, and the store takes; called often, does nothing where nothing was held."""
        ...

    def stop(self) -> None:
        """End cleanly; the session at the broker stays."""
        ...


@runtime_checkable
class Asking(Protocol):
    """A source that can also publish to where its messages come from."""

    def ask(self, asks: Sequence[Ask]) -> None:
        """Publish these, in order; what cannot be sent is dropped, and counted."""
        ...


@dataclass(frozen=True, slots=True)
class Keyframe:
    """The mirror's whole state after batch ``n`` of ``writer``; ``sha256`` is of the full canonical state.

    ``state`` is the compressed canonical state, or the difference to the last full one.
    """

    writer: str
    n: int
    tick_ns: int
    full: bool
    sha256: str
    state: bytes


@dataclass(frozen=True, slots=True)
class SourceCount:
    """What one source did since the last batch; the terms of the accounting equations.

    Messages: received = decoded + handled + rejected.
    Frames: decoded_frames = stored + duplicate + key_conflict (the last three are the store's).

    A dead letter that is decoded after all moves its messages from ``rejected`` (a negative number
    here) to ``decoded`` or ``handled``; ``redriven`` says how many of those came that way.
    """

    source: str
    received: int = 0
    decoded: int = 0
    handled: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    decoded_frames: int = 0
    last_received_ns: int = 0
    redriven: int = 0


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A device as it was met: by its first message, or by what it announced of itself.

    ``stream`` is the first stream's id, ``signals`` their names in a row. The rest is what it
    announced, as it announced it last: ``asset_type`` (a guess) and ``name``, "" for none;
    ``attributes``, a JSON object of texts; ``streams``, a JSON array of
    ``{"name", "signals": [{"name", "kind", "unit", "role"}]}``; and who it was. ``last_ns`` is when
    it announced itself last, or else was met.
    """

    source: str
    asset: str
    first_ns: int
    topic: str
    stream: str
    signals: str
    asset_type: str = ""
    name: str = ""
    attributes: str = "{}"
    streams: str = "[]"
    publisher: str = ""
    last_ns: int = 0

    @property
    def announced(self) -> bool:
        """Whether it told of itself, and did not just send."""
        told = (self.asset_type, self.name, self.attributes, self.streams, self.publisher)
        return told != ("", "", "{}", "[]", "")


@dataclass(frozen=True, slots=True)
class FindingCount:
    """How often a device broke a rule of its standard: in one commit, or ever (see `History.findings`).

    ``detail``, ``topic`` and ``payload`` (its first 1000 bytes) are the last example. What found no
    room is counted under device "" and rule ``more``.
    """

    source: str
    device: str
    rule: str
    count: int
    first_ns: int
    last_ns: int
    detail: str
    topic: str = ""
    payload: bytes = b""


@dataclass(frozen=True, slots=True, eq=False)
class Commit:
    """Everything that one transaction holds, before the fold: see `Store.append`."""

    batch: Batch
    dead_letters: tuple[DeadLetter, ...] = ()
    counts: tuple[SourceCount, ...] = ()
    decoder_states: Mapping[str, bytes] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    """Facts from outside the fold (a session lost, a source connected)."""
    newcomers: tuple[Newcomer, ...] = ()
    """Devices seen for the first time, and those that announced themselves (anew)."""
    findings: tuple[FindingCount, ...] = ()
    """Rules broken by these messages; added to what is known."""
    redriven: tuple[int, ...] = ()
    """Ids of stored dead letters that are decoded by this commit, and kept no longer."""


@dataclass(frozen=True, slots=True, eq=False)
class Folded:
    """What the fold made of a stored batch: kept in the same transaction."""

    events: tuple[Event, ...]
    latest: tuple[Latest, ...]
    keyframe: Keyframe | None = None
    alarms: AlarmsFolded = field(default_factory=AlarmsFolded)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a commit's frames: decoded = stored + duplicate + key_conflict."""

    stored: int
    duplicate: int
    key_conflict: int


class Store(Protocol):
    """The writer's side: one thread, one transaction at a time."""

    def append(self, commit: Commit, fold: Callable[[Batch], Folded]) -> Outcome:
        """Store a commit durably, in ONE transaction.

        New streams are registered; frames are inserted; those whose key (stream, t_ns, seq) is
        there already are left out: the same values count as duplicate, other values on a
        sequenced stream go to the dead letters as ``key_conflict``. ``fold`` is then called once
        with the batch as stored (same writer, n and tick; only the new frames) and its result is
        written too. On return everything is durable. Raises StoreUnavailable or StoreRejected
        with nothing written.
        """
        ...

    def next_batch(self, writer: str) -> int:
        """The number the writer's next batch gets: one past its last, from 1."""
        ...

    def stream_keys(self) -> Mapping[str, int]:
        """The stream key of every stream that this writer has stored frames of, by its id."""
        ...

    def decoder_states(self) -> dict[str, bytes]:
        """What the decoders of each source saved last."""
        ...

    def close(self) -> None:
        """Release the database."""
        ...


@dataclass(frozen=True, slots=True)
class StoredDeadLetter:
    """A dead letter as kept: the same (source, reason, topic, payload) is one row with a count."""

    id: int
    source: str
    topic: str
    reason: str
    detail: str
    payload: bytes
    sha256: str
    first_ns: int
    last_ns: int
    count: int


@dataclass(frozen=True, slots=True)
class StreamCount:
    """What is stored of one stream."""

    frames: int
    values: int
    first_seq: int
    last_seq: int
    first_ns: int
    last_ns: int
    late: int = 0
    """Frames older than one that came before them."""
    skew_ns: int | None = None
    """Receive time minus device time, the least of the last measures; None where the device tells no time."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Frames ``from_seq`` to ``to_seq`` (both included) of a sequenced stream that have not come.

    ``batch`` is the one that first showed it, ``since_ns`` its tick.
    """

    stream: str
    from_seq: int
    to_seq: int
    batch: int
    since_ns: int


@dataclass(frozen=True, slots=True)
class Removal:
    """What is in the store no longer, and why; the record that keeps `verify` and the gaps truthful.

    ``kind`` is ``raw`` (batches with their frames), ``event``, ``dead_letter`` or ``rollup``: let go by
    retention; ``begun``: a store begun anew at the next batch; ``lost``: batches that could not be
    salvaged. ``from_n`` to ``to_n`` (both included) are batches of ``writer``; times are receive times.
    """

    kind: str
    writer: str
    from_n: int
    to_n: int
    from_ns: int
    to_ns: int
    rows: int
    why: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class StoreSummary:
    """What is in the store, in numbers. Times are device times; None when it is empty."""

    frames: int
    values: int
    streams: int
    signals: int
    events: int
    dead_letters: int
    batches: int
    keyframes: int
    first_ns: int | None
    last_ns: int | None
    bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One signal over time, drawn: float64/int64 (n,) each. Where raw, minimum = maximum = mean.

    Else each point is a bucket of time, all equally wide, and ``t_ns`` its start; buckets without a
    sample are left out. Absent samples are left out.
    """

    t_ns: NDArray[np.int64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    mean: NDArray[np.float64]
    raw: bool


class History(AlarmHistory, Protocol):
    """The reader's side: any thread, never blocks the writer. Ranges are half-open [start, end)."""

    def streams(self) -> dict[int, Stream]:
        """Every stream by its stream key (a small integer, for good)."""
        ...

    def latest(self) -> dict[str, Latest]:
        """The live values by stream id, as the last commit left them."""
        ...

    def as_of(self, t_ns: int, streams: Iterable[str] | None = None) -> dict[str, Latest]:
        """By device time: for each stream its newest frame with time <= ``t_ns`` (CLOCK_AHEAD left out)."""
        ...

    def frames(self, stream: str, start_ns: int, end_ns: int, limit: int | None = None) -> Frames:
        """The frames of a stream by device time, ordered by (t_ns, seq); the first ``limit`` of them."""
        ...

    def samples(self, stream: str, signal: str, start_ns: int, end_ns: int, max_points: int) -> Series:
        """One numeric signal; more than ``max_points`` samples become min/max/mean buckets."""
        ...

    def density(self, streams: Iterable[str], start_ns: int, end_ns: int, buckets: int) -> NDArray[np.int64]:
        """How many frames of some streams lie in each of ``buckets`` equal parts of [start, end): int64 (buckets,).

        By device time. A part is ``ceil((end - start) / buckets)`` ns wide. Streams that are not
        known have no frames. Raises ValueError unless ``buckets`` is positive.
        """
        ...

    def text_changes(self, stream: str, signal: str, start_ns: int, end_ns: int) -> list[tuple[int, str]]:
        """(t_ns, text) where a text signal changed, beginning with its value at ``start_ns`` if known."""
        ...

    def batches(self, writer: str, first_n: int = 1, last_n: int | None = None) -> Iterator[Batch]:
        """The batches exactly as they were cut, in order, for a re-fold (batches without frames too)."""
        ...

    def batch_checksum(self, writer: str, n: int) -> str:
        """The `twin.checksum` of the batch as its writer recorded it; "" where there is no such batch."""
        ...

    def batch_at(self, writer: str, t_ns: int) -> int:
        """The writer's last batch with a tick at or before ``t_ns``, 0 for none; one such where ticks ran back."""
        ...

    def skim(self, writer: str, first_n: int, last_n: int) -> Skim | None:
        """What batches ``first_n`` to ``last_n`` left, without their other frames; None where they must be folded."""
        ...

    def writers(self) -> tuple[str, ...]:
        """Who has written."""
        ...

    def keyframes(self, writer: str, first_n: int = 1) -> Iterator[Keyframe]:
        """Keyframes in order of n."""
        ...

    def last_keyframe(self, writer: str, *, full: bool = False, until_n: int | None = None) -> Keyframe | None:
        """The newest keyframe (the newest full one); of those up to batch ``until_n``."""
        ...

    def received(self, by_ns: int) -> Received:
        """Of frames, texts, density, events and alarms what had been received by a moment, and nothing else."""
        ...

    def events(
        self, start_ns: int, end_ns: int, *, asset: str = "", kinds: Sequence[EventKind] = (), limit: int = 1000
    ) -> list[Event]:
        """Events by their time, newest first; ``asset`` matches an asset or all below a path."""
        ...

    def batch_events(self, writer: str, n: int) -> tuple[Event, ...]:
        """The events that the fold of one batch made, in the fold's order."""
        ...

    def dead_letters(self, *, source: str = "", reason: str = "", limit: int = 100) -> list[StoredDeadLetter]:
        """Dead letters, newest first; of one source, of one reason, or of all."""
        ...

    def summary(self) -> StoreSummary:
        """What is in the store, in numbers."""
        ...

    def by_stream(self) -> dict[str, StreamCount]:
        """What is stored of each stream."""
        ...

    def newcomers(self) -> list[Newcomer]:
        """Devices that sent without being named in the factory file, or announced themselves, newest first."""
        ...

    def findings(self, *, source: str = "", device: str = "") -> list[FindingCount]:
        """Rules that devices broke, by source, device and rule; of one source, or one device, or all."""
        ...

    def by_source(self) -> dict[str, dict[str, object]]:
        """Every term of the accounting equations by source: received decoded handled rejected
        decoded_frames stored duplicate key_conflict redriven dead_letters (the sum of their counts, those
        beyond the cap too) last_received_ns, and of its sequenced streams expected = distinct + gap.
        """
        ...

    def gaps(self, *, source: str = "", stream: str = "", limit: int = 100) -> list[Gap]:
        """Frames that a sequenced stream counted and that have not come, newest first; a late one closes its gap."""
        ...

    def removals(self) -> list[Removal]:
        """What is in the store no longer, oldest first."""
        ...

    def close(self) -> None:
        """Release the database."""
        ...
