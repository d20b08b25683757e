"""Keyframes: the mirror's state each minute, full each hour, differences between, compressed.

Pure: the policy decides by the mirror's own tick, and history is a port.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from twin.alarms.book import AlarmBook
from twin.alarms.kept import AlarmFold, book_of
from twin.alarms.record import AlarmEventKind
from twin.checksum import checksum
from twin.clock import NS_PER_S
from twin.mirror import Mirror, difference, patch, restore
from twin.ports import Keyframe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from twin.alarms.record import AlarmEvent
    from twin.alarms.rule import RulesByAsset
    from twin.events import Event
    from twin.ports import History, Removal
    from twin.sample import Batch

MINUTE_NS = 60 * NS_PER_S
HOUR_NS = 60 * MINUTE_NS
SALVAGED = "salvaged:"
"""Begins the checksum of a batch that could be salvaged in part only."""


class KeyframePolicy:
    """Decides when a keyframe is due, and makes it. Mutable; the one writer that folds owns it."""

    def __init__(self, last: Keyframe | None = None, last_full: bytes = b"", last_full_ns: int = 0) -> None:
        self._minute = last.tick_ns // MINUTE_NS if last else -1
        self._full = last_full
        self._full_hour = last_full_ns // HOUR_NS if last_full else -1
        self._before = (self._minute, self._full, self._full_hour)

    def after(self, writer: str, mirror: Mirror) -> Keyframe | None:
        """The keyframe due after the mirror's last batch, or None."""
        minute, hour = mirror.tick_ns // MINUTE_NS, mirror.tick_ns // HOUR_NS
        self._before = (self._minute, self._full, self._full_hour)
        if minute == self._minute:
            return None
        state = mirror.canonical()
        full = hour != self._full_hour
        body = state if full else difference(self._full, state)
        self._minute = minute
        if full:
            self._full, self._full_hour = state, hour
        return Keyframe(
            writer, mirror.n, mirror.tick_ns, full, hashlib.sha256(state).hexdigest(), zlib.compress(body, 6)
        )

    def undo(self) -> None:
        """Forget the last keyframe: its transaction failed."""
        self._minute, self._full, self._full_hour = self._before


def state_of(keyframe: Keyframe, full: Keyframe | None = None) -> bytes:
    """The canonical state a keyframe holds; a difference needs the last ``full`` one before it."""
    body = zlib.decompress(keyframe.state)
    if keyframe.full:
        return body
    if full is None:
        raise ValueError(f"keyframe {keyframe.n} is a difference and needs its full one")
    return patch(zlib.decompress(full.state), body)


def state_fits(keyframe: Keyframe, full: Keyframe | None = None) -> bool:
    """Whether a keyframe's state is what its SHA-256 was made of."""
    try:
        return hashlib.sha256(state_of(keyframe, full)).hexdigest() == keyframe.sha256
    except (ValueError, KeyError, IndexError, zlib.error):
        return False


def resume(history: History, writer: str) -> tuple[Mirror, KeyframePolicy]:
    """The mirror as the writer left it: its last keyframe, and the batches after it folded."""
    mirror, policy = _begun(history, writer)
    for batch in history.batches(writer, mirror.n + 1):
        mirror.apply(batch)
    return mirror, policy


def resume_with_alarms(history: History, writer: str, rules: RulesByAsset) -> tuple[Mirror, KeyframePolicy, AlarmFold]:
    """The mirror and the alarms as the writer left them.

    A store that has no state of the alarms (of an older program, or salvaged) begins with none.
    """
    mirror, policy = _begun(history, writer)
    last = history.alarm_keyframe(writer, mirror.n)
    if last is not None:
        book = book_of(last, rules, mirror)
    else:
        book = AlarmBook(rules)
        book.attend(latest.stream for latest in mirror.latest.values())
    for batch in history.batches(writer, mirror.n + 1):
        _told(history, batch, mirror, mirror.apply(batch), book)
    return mirror, policy, AlarmFold(writer, book, rules, (one.id for one in history.alarms(writer)))


def _begun(history: History, writer: str) -> tuple[Mirror, KeyframePolicy]:
    """The mirror of the writer's last keyframe."""
    last = history.last_keyframe(writer)
    full = history.last_keyframe(writer, full=True)
    mirror, policy = Mirror(), KeyframePolicy()
    if last is not None and full is not None:
        by_id = {stream.id: stream for stream in history.streams().values()}
        mirror = restore(state_of(last, full), by_id.__getitem__)
        policy = KeyframePolicy(last, state_of(full), full.tick_ns)
    return mirror, policy


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Where a re-fold differs from what was recorded."""

    writer: str
    n: int
    what: str
    recorded: str
    folded: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found. ``unfolded`` batches lie between a recorded hole and the next keyframe.

    ``alarm_batches`` are those whose alarms were folded again: all that were folded with the rules of today.
    ``gone`` batches are there no longer, by the record of what was let go or lost.
    """

    batches: int
    frames: int
    keyframes: int
    mismatches: tuple[Mismatch, ...]
    unfolded: int = 0
    alarm_batches: int = 0
    gone: float = 0.0

    @property
    def coverage(self) -> float | None:
        """The share (0 to 1) of the batches of the time that were folded again; None where it has none."""
        missing = sum(one.what == "batch missing" for one in self.mismatches)
        every = self.batches + self.gone + missing
        return (self.batches - self.unfolded) / every if every else None


def verify(
    history: History,
    rules: RulesByAsset | None = None,
    start_ns: int | None = None,
    end_ns: int | None = None,
    look: Callable[[Batch, Mirror], None] = lambda _batch, _mirror: None,
) -> Verdict:
    """Fold every stored batch again, with its recorded tick, and compare hashes, events and alarms.

    With ``start_ns`` and ``end_ns`` only the batches with ticks in that range, from the keyframe before
    it on: what leads up to the range is folded and compared too. ``look`` sees each batch before it is
    folded, with the mirror as it was.

    The live run recorded a SHA-256 at every keyframe and the events of every batch; both must
    come out the same. The batches' own checksums must fit too (a value that was live between two
    keyframes only is in no hash), and their numbers must leave no gap but those that are recorded:
    what retention let go, and what could not be salvaged. After such a hole the fold goes on from
    the next keyframe. Alarms are folded from a keyframe of the same ``rules`` on, to one of others.
    """
    removals = history.removals()
    asked = _Asked(start_ns, end_ns, look)
    verdicts = [_verify(history, writer, Kept(writer, removals), rules, asked) for writer in history.writers()]
    return Verdict(
        sum(one.batches for one in verdicts),
        sum(one.frames for one in verdicts),
        sum(one.keyframes for one in verdicts),
        tuple(mismatch for one in verdicts for mismatch in one.mismatches),
        sum(one.unfolded for one in verdicts),
        sum(one.alarm_batches for one in verdicts),
        sum(one.gone for one in verdicts),
    )


class _Asked(NamedTuple):
    """Which part of a history is folded again."""

    start_ns: int | None
    end_ns: int | None
    look: Callable[[Batch, Mirror], None]


class Kept:
    """What must be there of a writer, by the removals that are recorded."""

    def __init__(self, writer: str, removals: Iterable[Removal]) -> None:
        mine = [one for one in removals if one.writer == writer]
        self._gone = [one for one in mine if one.kind in ("raw", "begun", "lost")]
        self.first = max([1, *(one.to_n + 1 for one in mine if one.kind in ("raw", "begun"))])
        """The first batch that must be there."""
        self.events_from = max([1, *(one.to_n + 1 for one in mine if one.kind == "event")])
        """The first batch whose events must be there."""
        self._holes = [(one.from_n, one.to_n) for one in mine if one.kind == "lost"]

    def gone(self, start_ns: int | None, end_ns: int | None) -> float:
        """How many batches of a time are gone; of a removal that reaches beyond it, by its share of the time."""
        found = 0.0
        for one in self._gone:
            start = one.from_ns if start_ns is None else max(start_ns, one.from_ns)
            end = one.to_ns if end_ns is None else min(end_ns - 1, one.to_ns)
            if start <= end:
                found += (one.to_n - one.from_n + 1) * (end - start + 1) / (one.to_ns - one.from_ns + 1)
        return found

    def __contains__(self, n: int) -> bool:
        return n >= self.first and not any(start <= n <= end for start, end in self._holes)


def _begin_again(history: History, keyframe: Keyframe, full: Keyframe | None) -> Mirror | None:
    """The mirror that a keyframe holds; None where it is damaged."""
    if not state_fits(keyframe, full):
        return None
    by_id = {stream.id: stream for stream in history.streams().values()}
    try:
        return restore(state_of(keyframe, full), by_id.__getitem__)
    except KeyError:
        return None  # it tells of a stream that is not in the store


class _Alarms:
    """Folds the alarms of one writer again, beside its mirror. Mutable; one run each."""

    def __init__(self, history: History, writer: str, kept: Kept, rules: RulesByAsset | None) -> None:
        self.batches = 0
        self._history = history
        self._kept = kept
        self._rules = rules
        self._book: AlarmBook | None = None
        self._due = {one.n: one for one in history.alarm_keyframes(writer)} if rules is not None else {}

    def begin(self, n: int, mirror: Mirror) -> None:
        """Go on from the keyframe of batch ``n``, which the mirror stands at."""
        keyframe = self._due.get(n)
        if keyframe is not None and self._rules is not None and keyframe.rules == self._rules_sha256:
            self._book = book_of(keyframe, self._rules, mirror)

    def forget(self) -> None:
        """What lies between is not known: go on from the next keyframe."""
        self._book = None

    def fold(self, batch: Batch, mirror: Mirror, events: tuple[Event, ...]) -> Iterator[Mismatch]:
        """Fold a batch that the mirror has just folded, and compare."""
        keyframe = self._due.get(batch.n)
        if self._book is not None and (keyframe is None or keyframe.rules == self._rules_sha256):
            told, recorded = _told(self._history, batch, mirror, events, self._book)
            self.batches += 1
            if told != recorded and batch.n >= self._kept.events_from:
                yield Mismatch(batch.writer, batch.n, "alarms", str(recorded), str(told))
            if keyframe is not None and self._book.sha256() != keyframe.sha256:
                yield Mismatch(batch.writer, batch.n, "alarm hash", keyframe.sha256, self._book.sha256())
        elif keyframe is not None and self._rules is not None:
            same = keyframe.rules == self._rules_sha256
            self._book = book_of(keyframe, self._rules, mirror) if same else None

    @property
    def _rules_sha256(self) -> str:
        return self._rules.sha256 if self._rules is not None else ""


def _told(
    history: History, batch: Batch, mirror: Mirror, events: tuple[Event, ...], book: AlarmBook
) -> tuple[tuple[AlarmEvent, ...], tuple[AlarmEvent, ...]]:
    """What a batch tells of the alarms, folded again, and as it was recorded."""
    kept = history.batch_alarms(batch.writer, batch.n)
    told = book.apply(batch, mirror, (*history.outside_events(batch.writer, batch.n), *events), kept.actions)
    return told, tuple(one for one in kept.events if one.kind is not AlarmEventKind.DROPPED)


class _Due:
    """Keyframes in order, one batch after the other: a month of them does not fit into memory. Mutable."""

    def __init__(self, keyframes: Iterator[Keyframe]) -> None:
        self._rest = keyframes
        self._next = next(keyframes, None)
        self.strays: list[Keyframe] = []
        """Those that no batch came for."""

    def take(self, n: int) -> Keyframe | None:
        """That of batch ``n``."""
        while self._next is not None and self._next.n < n:
            self._skip()
        found = self._next if self._next is not None and self._next.n == n else None
        if found is not None:
            self._next = next(self._rest, None)
        return found

    def end(self, last_n: int | None) -> list[Keyframe]:
        """All that no batch came for, up to batch ``last_n``."""
        while self._next is not None and (last_n is None or self._next.n <= last_n):
            self._skip()
        return self.strays

    def _skip(self) -> None:
        if self._next is not None:
            self.strays.append(self._next)
        self._next = next(self._rest, None)


def _before(history: History, writer: str, start_ns: int | None) -> tuple[Keyframe, Keyframe | None] | None:
    """The keyframe that a range is folded from, and its full one; None where it is folded from the first batch."""
    n = 0 if start_ns is None else history.batch_at(writer, start_ns - 1)
    keyframe = history.last_keyframe(writer, until_n=n) if n else None
    if keyframe is None:
        return None
    return keyframe, keyframe if keyframe.full else history.last_keyframe(writer, full=True, until_n=n)


def _verify(  # noqa: C901, PLR0912, PLR0915  one step a law
    history: History, writer: str, kept: Kept, rules: RulesByAsset | None, asked: _Asked
) -> Verdict:
    batches = frames = compared = unfolded = 0
    mismatches: list[Mismatch] = []
    mirror: Mirror | None = Mirror() if 1 in kept else None
    full: Keyframe | None = None
    next_n = kept.first
    last_n = None if asked.end_ns is None else history.batch_at(writer, asked.end_ns - 1)
    before = _before(history, writer, asked.start_ns)
    if before is not None:
        begun, full = before
        next_n = begun.n + 1
        compared += 1
        mirror = _begin_again(history, begun, full)
        if mirror is None:
            mismatches.append(Mismatch(writer, begun.n, "hash", begun.sha256, "the state is damaged"))
    alarms = _Alarms(history, writer, kept, rules)
    if before is not None and mirror is not None:
        alarms.begin(before[0].n, mirror)
    due = _Due(history.keyframes(writer, next_n))
    for batch in history.batches(writer, next_n, last_n):
        missing = next((n for n in range(next_n, batch.n) if n in kept), None)
        if missing is not None:
            mismatches.append(Mismatch(writer, missing, "batch missing", "", f"the next one is {batch.n}"))
        elif batch.n != next_n:
            mirror = None
        next_n = batch.n + 1
        batches += 1
        frames += len(batch)
        written, read = history.batch_checksum(writer, batch.n), checksum(batch)
        whole = not written.startswith(SALVAGED)
        if whole and read != written:
            mismatches.append(Mismatch(writer, batch.n, "checksum", written, read))
        keyframe = due.take(batch.n)
        full = keyframe if keyframe is not None and keyframe.full else full
        if mirror is not None and whole:
            asked.look(batch, mirror)
            events = mirror.apply(batch)
            recorded = history.batch_events(writer, batch.n)
            if events != recorded and batch.n >= kept.events_from:
                mismatches.append(Mismatch(writer, batch.n, "events", str(recorded), str(events)))
            mismatches += alarms.fold(batch, mirror, events)
            if keyframe is not None:
                compared += 1
                folded = mirror.sha256()
                if folded != keyframe.sha256:
                    mismatches.append(Mismatch(writer, batch.n, "hash", keyframe.sha256, folded))
            continue
        unfolded += 1
        mirror = None
        alarms.forget()
        if keyframe is not None and (keyframe.full or full is not None):
            compared += 1
            mirror = _begin_again(history, keyframe, full)
            if mirror is None:
                mismatches.append(Mismatch(writer, batch.n, "hash", keyframe.sha256, "the state is damaged"))
    strays = [one for one in due.end(last_n) if one.n in kept]
    mismatches += [Mismatch(writer, one.n, "keyframe without batch", one.sha256, "") for one in strays]
    gone = kept.gone(asked.start_ns, asked.end_ns)
    return Verdict(batches, frames, compared, tuple(mismatches), unfolded, alarms.batches, gone)
