"""What is kept of the alarms with each batch, and how the fold of them goes on from what is kept. Pure."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from twin.alarms.book import AlarmBook, restore
from twin.alarms.record import AlarmEvent, AlarmEventKind, AlarmState, Letter
from twin.alarms.watch import split_alarm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from twin.alarms.record import AlarmAction
    from twin.alarms.rule import RulesByAsset
    from twin.events import Event
    from twin.mirror import Mirror
    from twin.sample import Batch


@dataclass(frozen=True, slots=True)
class AlarmKeyframe:
    """The book's whole state at a mirror's keyframe: `AlarmBook.canonical`, compressed.

    ``sha256`` is of what is not compressed; ``rules`` of the rules that were folded with.
    """

    writer: str
    n: int
    tick_ns: int
    rules: str
    sha256: str
    state: bytes


@dataclass(frozen=True, slots=True)
class AlarmsFolded:
    """What the fold of the alarms made of a batch: kept in the batch's transaction.

    ``changed`` are the alarms whose facts are others now, None where one is normal; ``actions`` are those
    of people that were folded with it.
    """

    events: tuple[AlarmEvent, ...] = ()
    changed: Mapping[str, AlarmState | None] = field(default_factory=dict)
    actions: tuple[AlarmAction, ...] = ()
    keyframe: AlarmKeyframe | None = None


class AlarmHistory(Protocol):
    """The alarms' part of `twin.ports.History`. Ranges are half-open [start, end), times are ticks."""

    def alarms(self, writer: str = "") -> list[AlarmState]:
        """Every alarm that is not normal, as the last commits left them, by id; of one writer, or of all."""
        ...

    def alarms_at(self, t_ns: int) -> list[AlarmState]:
        """Every alarm that was not normal at a moment, by id: what the journal had told by then."""
        ...

    def alarm_events(  # noqa: PLR0913  what a journal is asked
        self,
        start_ns: int,
        end_ns: int,
        *,
        asset: str = "",
        alarm: str = "",
        kinds: Sequence[AlarmEventKind] = (),
        limit: int = 1000,
    ) -> list[AlarmEvent]:
        """The journal, newest first; ``asset`` matches an asset or all below a path."""
        ...

    def last_alarm_event(self) -> int:
        """A number that rises with each entry of the journal; 0 before the first. Quick, to be asked often."""
        ...

    def batch_alarms(self, writer: str, n: int) -> AlarmsFolded:
        """What was folded and told with one batch (``events`` and ``actions``)."""
        ...

    def outside_events(self, writer: str, n: int) -> tuple[Event, ...]:
        """The events of one batch that its fold did not make: the devices' own, sources connected."""
        ...

    def last_action(self, writer: str) -> int:
        """The number of the last action that the writer folded; 0 for none."""
        ...

    def alarm_keyframe(self, writer: str, n: int) -> AlarmKeyframe | None:
        """The one of that batch; None where there is none."""
        ...

    def alarm_keyframes(self, writer: str, first_n: int = 1) -> Iterator[AlarmKeyframe]:
        """All of them, in order of n."""
        ...


class AlarmFold:
    """The book of one writer, batch by batch, with what is to be kept. Mutable; the one that folds owns it.

    The first batch has a keyframe, for the rules may be others from there on.

    ``kept`` are the alarms that the store has for this writer: those that the book does not have, because
    their rule has gone, are told as dropped with the first batch.
    """

    def __init__(self, writer: str, book: AlarmBook, rules: RulesByAsset, kept: Iterable[str] = ()) -> None:
        self.book = book
        self._writer = writer
        self._rules = rules
        self._dropped = sorted(frozenset(kept) - book.alarms.keys())
        self._is_begun = False

    def apply(
        self, batch: Batch, mirror: Mirror, events: Iterable[Event], actions: Sequence[AlarmAction], *, keep: bool
    ) -> AlarmsFolded:
        """Fold a batch that ``mirror`` has just folded; with ``keep`` a keyframe is made."""
        told = self.book.apply(batch, mirror, events, actions)
        changed = {
            alarm: state if state is not None and state.letter is not Letter.NORMAL else None
            for alarm, state in self.book.changed.items()
        }
        dropped = tuple(_dropped(alarm, self.book.tick_ns) for alarm in self._dropped)
        changed.update(dict.fromkeys(self._dropped))
        return AlarmsFolded(
            (*dropped, *told), changed, tuple(actions), self.keyframe() if keep or not self._is_begun else None
        )

    def undo(self) -> None:
        """Take the last `apply` back."""
        self.book.undo()

    def settled(self) -> None:
        """The last `apply` is stored."""
        self._dropped = []
        self._is_begun = True

    def keyframe(self) -> AlarmKeyframe:
        """The book as it is."""
        state = self.book.canonical()
        return AlarmKeyframe(
            self._writer, self.book.n, self.book.tick_ns, self._rules.sha256,
            hashlib.sha256(state).hexdigest(), zlib.compress(state, 6),
        )  # fmt: skip


def _dropped(alarm: str, tick_ns: int) -> AlarmEvent:
    asset, rule, signal = split_alarm(alarm)
    return AlarmEvent(
        AlarmEventKind.DROPPED, tick_ns, alarm, asset, rule, signal, state=AlarmState(alarm, asset, rule, signal)
    )


def carried(writer: str, n: int, tick_ns: int, alarms: Iterable[AlarmState]) -> AlarmsFolded:
    """The alarms of a store that is no longer there, as the first batch of the next one has them."""
    book = AlarmBook(lambda _asset: ())
    book.n, book.tick_ns = n, tick_ns
    book.alarms = {one.id: one for one in alarms}
    book.occurrences = max([0, *(one.occurrence for one in book.alarms.values())])
    state = book.canonical()
    keyframe = AlarmKeyframe(writer, n, tick_ns, "", hashlib.sha256(state).hexdigest(), zlib.compress(state, 6))
    return AlarmsFolded(changed=dict(book.alarms), keyframe=keyframe)


def keyframe_fits(keyframe: AlarmKeyframe) -> bool:
    """Whether a keyframe's state is what its SHA-256 was made of."""
    try:
        return hashlib.sha256(zlib.decompress(keyframe.state)).hexdigest() == keyframe.sha256
    except zlib.error:
        return False


def book_of(keyframe: AlarmKeyframe, rules: RulesByAsset, mirror: Mirror) -> AlarmBook:
    """The book that a keyframe holds; ``mirror`` is that of the same batch."""
    streams = {latest.stream.id: latest.stream for latest in mirror.latest.values()}
    return restore(zlib.decompress(keyframe.state), rules, streams)
