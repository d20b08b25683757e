"""Keyframes: the mirror's state each minute, full each hour, differences between, compressed.

Pure: the policy decides by the mirror's own tick, and history is a port.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.alarms.book import AlarmBook
from twin.alarms.kept import AlarmFold, book_of
from twin.alarms.record import AlarmEventKind
from twin.checksum import checksum
from twin.clock import NS_PER_S
from twin.mirror import Mirror, difference, patch, restore
from twin.ports import Keyframe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    """

    batches: int
    frames: int
    keyframes: int
    mismatches: tuple[Mismatch, ...]
    unfolded: int = 0
    alarm_batches: int = 0


def verify(history: History, rules: RulesByAsset | None = None) -> Verdict:
    """Fold every stored batch again, with its recorded tick, and compare hashes, events and alarms.

    The live run recorded a SHA-256 at every keyframe and the events of every batch; both must
    come out the same. The batches' own checksums must fit too (a value that was live between two
    keyframes only is in no hash), and their numbers must leave no gap but those that are recorded:
    what retention let go, and what could not be salvaged. After such a hole the fold goes on from
    the next keyframe. Alarms are folded from a keyframe of the same ``rules`` on, to one of others.
    """
    removals = history.removals()
    verdicts = [_verify(history, writer, Kept(writer, removals), rules) for writer in history.writers()]
    return Verdict(
        sum(one.batches for one in verdicts),
        sum(one.frames for one in verdicts),
        sum(one.keyframes for one in verdicts),
        tuple(mismatch for one in verdicts for mismatch in one.mismatches),
        sum(one.unfolded for one in verdicts),
        sum(one.alarm_batches for one in verdicts),
    )


class Kept:
    """What must be there of a writer, by the removals that are recorded."""

    def __init__(self, writer: str, removals: Iterable[Removal]) -> None:
        mine = [one for one in removals if one.writer == writer]
        self.first = max([1, *(one.to_n + 1 for one in mine if one.kind in ("raw", "begun"))])
        """The first batch that must be there."""
        self.events_from = max([1, *(one.to_n + 1 for one in mine if one.kind == "event")])
        """The first batch whose events must be there."""
        self._holes = [(one.from_n, one.to_n) for one in mine if one.kind == "lost"]

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


def _verify(history: History, writer: str, kept: Kept, rules: RulesByAsset | None) -> Verdict:  # noqa: C901  one step a law
    batches = frames = compared = unfolded = 0
    mismatches: list[Mismatch] = []
    mirror: Mirror | None = Mirror() if 1 in kept else None
    due = {keyframe.n: keyframe for keyframe in history.keyframes(writer)}
    full: Keyframe | None = None
    next_n = kept.first
    alarms = _Alarms(history, writer, kept, rules)
    for batch in history.batches(writer, kept.first):
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
        keyframe = due.pop(batch.n, None)
        full = keyframe if keyframe is not None and keyframe.full else full
        if mirror is not None and whole:
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
    mismatches += [Mismatch(writer, n, "keyframe without batch", k.sha256, "") for n, k in due.items() if n in kept]
    return Verdict(batches, frames, compared, tuple(mismatches), unfolded, alarms.batches)
