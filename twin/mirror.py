"""The live state as a left fold over batches (ISO 23247 synchronisation).

Live, replay and what-if fold with this one class; only the clock that cut the batches differs.

Laws (property tests hold them): for latest values, splitting a stream, order of arrival and applying
twice change nothing. For events, the same batches with the same ticks give the same events.
"""

from __future__ import annotations

import hashlib
import json
import struct
from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from twin.clock import NS_PER_S
from twin.events import Event, EventKind
from twin.hearing import LISTENING_SUFFIX, Hearing, heard_by_asset, patience_ns
from twin.sample import PRESENCE_SUFFIX, Batch, Kind, Latest, Quality, Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from twin.sample import Frames

CHECK_EVERY_NS = NS_PER_S
"""So often at most it is looked who is lost."""
_LOST_AFTER_S = 10.0
_ABSENT = struct.pack("<d", float("nan")).hex()
_CLOCK_AHEAD = int(Quality.CLOCK_AHEAD)


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether an asset is heard: the newest receive time of any of its streams, and what was said of it.

    ``lost_after_ns`` is 0 for assets that send on change only: silence says nothing about them.
    ``died_ns`` is when the asset, or something above it, was said to be gone (a last will, a death
    certificate); 0 where nobody said so, or it was heard again since. While an asset is lost, all
    that it told last is stale.
    """

    heard_ns: int
    lost: bool
    lost_after_ns: int
    died_ns: int = 0


class _Death(NamedTuple):
    """What was said of a path: it is gone since ``t_ns``, heard at ``received_ns``."""

    path: str
    t_ns: int
    received_ns: int


@dataclass(slots=True)
class _Undo:
    latest: dict[str, Latest | None]
    presence: dict[str, Presence | None]
    hearing: Hearing
    n: int
    tick_ns: int
    checked_ns: int


class Mirror:
    """The newest frame of every stream, and the presence of every asset.

    Mutable: only the one writer that folds may call `apply` and `undo`. Values inside are never
    changed, only replaced, so a reader may keep what it took.
    """

    def __init__(self) -> None:
        self.latest: dict[str, Latest] = {}
        self.presence: dict[str, Presence] = {}
        self.hearing = Hearing()
        self.n = 0
        self.tick_ns = 0
        self._checked_ns = 0
        self._undo: _Undo | None = None
        self._changed: dict[str, Latest] = {}
        self._sources: dict[str, set[str]] | None = None
        """By asset: the sources that its streams come by; None while it must be made anew from ``latest``."""

    @property
    def changed(self) -> tuple[Latest, ...]:
        """The latest frames that the last `apply` replaced."""
        return tuple(self._changed.values())

    def apply(self, batch: Batch) -> tuple[Event, ...]:
        """Fold one batch; returns its events in order. Deterministic: no clock but the batch's tick.

        Frames whose device clock runs ahead (`Quality.CLOCK_AHEAD`) are history, not state: they
        never move the live value. Late frames do not either.
        """
        self._undo = _Undo({}, {}, self.hearing.copy(), self.n, self.tick_ns, self._checked_ns)
        self._changed = {}
        events: list[Event] = []
        self.hearing.tick(self.tick_ns, batch.tick_ns)
        self.hearing.hear((p for p in batch.frames if p.stream.id.endswith(LISTENING_SUFFIX)), batch.tick_ns)
        parts = _of_now(batch)
        # The name first: most streams have another one, and this is asked of each of them in each batch.
        said = [p for p in parts.frames if p.stream.id.endswith(PRESENCE_SUFFIX) and p.stream.tells_presence]
        if said:
            others = tuple(part for part in parts.frames if not part.stream.tells_presence)
            parts = Batch(batch.writer, batch.n, batch.tick_ns, others)
        deaths = self._fold_presence(said, events) if said else []
        if parts.frames:
            self._fold(parts, events)
        if deaths:
            # Those that were not known when it was said, and were heard before it all the same.
            new = sorted(asset for asset, before in self._undo.presence.items() if before is None)
            for death in deaths:
                self._die(death, new, events)
        self.n = batch.n
        self.tick_ns = max(self.tick_ns, batch.tick_ns)
        if self.tick_ns - self._checked_ns >= CHECK_EVERY_NS:
            self._checked_ns = self.tick_ns
            self._look_for_lost(events)
        return tuple(sorted(events, key=lambda event: event.order))

    def moved(self, part: Frames) -> NDArray[np.intp]:
        """The rows of a part of the last batch that were newer than what was there before it, in live order."""
        undo = self._undo
        if undo is None or part.stream.id not in undo.latest:
            return np.zeros(0, np.intp)
        before, order = undo.latest[part.stream.id], _live_order(part)
        keep = part.quality != _CLOCK_AHEAD
        if before is not None:
            keep &= _newer_than(before, part)
        rows: NDArray[np.intp] = order[keep[order]]
        return rows

    def late(self, part: Frames) -> NDArray[np.bool_]:
        """Which frames are older than the live value, were they to be folded now: bool (n,)."""
        before = self.latest.get(part.stream.id)
        return np.zeros(len(part), np.bool_) if before is None else ~_newer_than(before, part)

    def undo(self) -> None:
        """Take the last `apply` back (its transaction failed, or its batch is cut anew)."""
        undo = self._undo
        if undo is None:
            return
        for stream, old in undo.latest.items():
            if old is None:
                del self.latest[stream]
                self._sources = None
            else:
                self.latest[stream] = old
        for asset, presence in undo.presence.items():
            if presence is None:
                del self.presence[asset]
            else:
                self.presence[asset] = presence
        self.hearing = undo.hearing
        self.n, self.tick_ns, self._checked_ns = undo.n, undo.tick_ns, undo.checked_ns
        self._undo = None
        self._changed = {}

    def _fold(self, batch: Batch, events: list[Event]) -> None:
        columns, latest = batch.columns, self.latest
        newest = _newest(batch)
        for part, row, start, t_ns, seq, heard_ns, first_ns in zip(
            batch.frames, newest.tolist(), columns.edges.tolist(), columns.t_ns[newest].tolist(),
            columns.seq[newest].tolist(), columns.highest(columns.received_ns).tolist(),
            columns.lowest(columns.t_ns).tolist(), strict=False,
        ):  # fmt: skip
            stream = part.stream
            self._hear(stream, heard_ns, first_ns, events)
            before = latest.get(stream.id)
            if stream.text_columns:
                self._fold_texts(part, before, events)
            elif before is None or before.is_older_than(t_ns, seq):
                self._replace(stream, part, row - start, before)

    def _fold_presence(self, parts: Sequence[Frames], events: list[Event]) -> list[_Death]:
        """Fold what was said of assets' presence, in the order it was heard; returns the deaths.

        0 marks an asset and all below it as lost. 1 brings the asset itself back, and nothing below
        it: a device behind a gateway is there again when it is heard.
        """
        rows = sorted(
            (received_ns, t_ns, seq, index, row)
            for index, part in enumerate(parts)
            for row, (received_ns, t_ns, seq) in enumerate(
                zip(part.received_ns.tolist(), part.t_ns.tolist(), part.seq.tolist(), strict=True)
            )
        )
        known = sorted(self.presence)
        deaths: list[_Death] = []
        for received_ns, t_ns, seq, index, row in rows:
            part = parts[index]
            stream = part.stream
            before = self.latest.get(stream.id)
            if before is not None and (received_ns, t_ns, seq) <= (before.received_ns, before.t_ns, before.seq):
                continue
            self._replace(stream, part, row, before)
            asset = stream.asset
            if asset not in self.presence:
                insort(known, asset)
            if part.values[row, 0] != 0:
                self._hear(stream, received_ns, t_ns, events)
                continue
            death = _Death(asset, t_ns, received_ns)
            deaths.append(death)
            if asset not in self.presence:
                self._keep(asset)
                self.presence[asset] = Presence(received_ns, lost=False, lost_after_ns=0)
            self._die(death, known, events)
        return deaths

    def _die(self, death: _Death, assets: list[str], events: list[Event]) -> None:
        """Mark what is at or below a path as lost, unless it was heard since; ``assets``, sorted, are looked at."""
        path = death.path
        start = bisect_left(assets, path)
        found = [path] if assets[start : start + 1] == [path] else []
        below = bisect_left(assets, path + "/", start)
        found += assets[below : bisect_left(assets, path + "0", below)]  # "0" follows "/"
        for asset in found:
            old = self.presence[asset]
            if old.heard_ns > death.received_ns or old.died_ns:
                continue
            self._keep(asset)
            self.presence[asset] = Presence(
                death.received_ns, lost=True, lost_after_ns=old.lost_after_ns, died_ns=death.t_ns
            )
            if not old.lost:
                events.append(Event(EventKind.ASSET_LOST, death.t_ns, asset))

    def _keep(self, asset: str) -> None:
        """Remember for `undo` how present the asset was."""
        if self._undo is not None:
            self._undo.presence.setdefault(asset, self.presence.get(asset))

    def _fold_texts(self, part: Frames, before: Latest | None, events: list[Event]) -> None:
        stream = part.stream
        order = _live_order(part)
        if before is not None:
            order = order[_newer_than(before, part)[order]]
        if not len(order):
            return
        texts = before.texts if before is not None else (None,) * len(stream.text_columns)
        for index in order.tolist():
            new = part.texts[index]
            if new == texts:
                continue
            for signal, old_text, new_text in zip(stream.text_columns, texts, new, strict=True):
                if signal.kind is Kind.STATE and old_text != new_text:
                    t_ns = int(part.t_ns[index])
                    kind = EventKind.STATE_CHANGED
                    events.append(Event(kind, t_ns, stream.asset, signal.name, old_text or "", new_text or ""))
            texts = new
        self._replace(stream, part, int(order[-1]), before)

    def _replace(self, stream: Stream, part: Frames, row: int, before: Latest | None) -> None:
        if self._undo is not None:
            self._undo.latest.setdefault(stream.id, before)
        if before is None or before.stream.source != stream.source:
            self._sources = None
        latest = _latest(part, row)
        self.latest[stream.id] = latest
        self._changed[stream.id] = latest

    def _hear(self, stream: Stream, heard_ns: int, first_ns: int, events: list[Event]) -> None:
        asset = stream.asset
        old = self.presence.get(asset)
        after_ns = max(lost_after_ns(stream), old.lost_after_ns if old else 0)
        if old is not None and old.heard_ns >= heard_ns and old.lost_after_ns == after_ns:
            return
        self._keep(asset)
        lost = False
        if old is None:
            events.append(Event(EventKind.ASSET_APPEARED, first_ns, asset))
        elif old.lost:
            # What was received before the silence (it waited, or came twice) does not end the silence.
            lost = heard_ns <= old.heard_ns
            if not lost:
                events.append(Event(EventKind.ASSET_RETURNED, heard_ns, asset))
        died_ns = old.died_ns if lost and old is not None else 0
        heard_ns = max(heard_ns, old.heard_ns if old else 0)
        self.presence[asset] = Presence(heard_ns, lost=lost, lost_after_ns=after_ns, died_ns=died_ns)

    def go_on(
        self, first_n: int, ticks: Sequence[int], newest: Iterable[Latest], presence: Mapping[str, Presence]
    ) -> None:
        """Stand behind batches with these ticks: what they left, found without a fold (see `twin.skim`)."""
        for latest in newest:
            before = self.latest.get(latest.stream.id)
            if before is None or before.is_older_than(latest.t_ns, latest.seq):
                self.latest[latest.stream.id] = latest
        self.presence.update(presence)
        for tick_ns in ticks:
            self.hearing.tick(self.tick_ns, tick_ns)
            self.tick_ns = max(self.tick_ns, tick_ns)
            if self.tick_ns - self._checked_ns >= CHECK_EVERY_NS:
                self._checked_ns = self.tick_ns
        self.n = first_n + len(ticks) - 1
        self._sources, self._undo, self._changed = None, None, {}

    def _look_for_lost(self, events: list[Event]) -> None:
        by_asset: dict[str, list[Latest]] | None = None
        for asset, presence in self.presence.items():
            waits = presence.lost_after_ns > 0 and not presence.lost
            if not waits or self.tick_ns - presence.heard_ns <= presence.lost_after_ns:
                continue
            by_asset = heard_by_asset(self.latest) if by_asset is None else by_asset
            from_ns = max(presence.heard_ns, self.silence_counts_from_ns(asset))
            after_ns = patience_ns(presence.lost_after_ns, by_asset.get(asset, ()))
            if self.tick_ns - from_ns > after_ns:
                self._keep(asset)
                self.presence[asset] = Presence(presence.heard_ns, lost=True, lost_after_ns=presence.lost_after_ns)
                events.append(Event(EventKind.ASSET_LOST, from_ns + after_ns, asset))

    def silence_counts_from_ns(self, asset: str) -> int:
        """From when on an asset's silence counts: the hub listens to it since then, and it had time to connect."""
        if self._sources is None:
            self._sources = {}
            for one in self.latest.values():
                self._sources.setdefault(one.stream.asset, set()).add(one.stream.source)
        return self.hearing.counts_from_ns(self._sources.get(asset, ()))

    def canonical(self, known: Mapping[str, bytes] | None = None) -> bytes:
        """The whole state as bytes, the same on every machine: what keyframes hash and keep.

        A head line, then one JSON line a stream, an asset and a time without ear, sorted; floats as hexadecimal
        IEEE-754 little-endian, −0 as 0, absent as null. ``known`` may hold lines already made.
        """
        head = json.dumps(["mirror", 1, self.n, self.tick_ns, self._checked_ns])
        made = known or {}
        lines = [made.get(key) or stream_line(self.latest[key]) for key in sorted(self.latest)]
        lines += [
            json.dumps(["asset", asset, *_presence_row(p)], ensure_ascii=False).encode()
            for asset, p in sorted(self.presence.items())
        ]
        lines += [json.dumps(line, ensure_ascii=False).encode() for line in self.hearing.lines()]
        return b"\n".join([head.encode(), *lines]) + b"\n"

    def sha256(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        return hashlib.sha256(self.canonical()).hexdigest()


def lost_after_ns(stream: Stream) -> int:
    """After which silence of a stream its asset is lost; 0 where silence says nothing."""
    stale_s = stream.stale_after_s
    return 0 if stale_s is None else round(max(stale_s, _LOST_AFTER_S) * NS_PER_S)


def _of_now(batch: Batch) -> Batch:
    """The batch without what a device dated ahead."""
    if not batch.frames or not (batch.columns.quality == _CLOCK_AHEAD).any():
        return batch
    parts = [part.take(part.quality != _CLOCK_AHEAD) for part in batch.frames]
    return Batch(batch.writer, batch.n, batch.tick_ns, tuple(part for part in parts if len(part)))


def _newest(batch: Batch) -> NDArray[np.intp]:
    """The row of each part that comes last in live order (see `Latest.is_older_than`): intp (k,)."""
    columns = batch.columns
    sequenced = np.repeat([part.stream.sequenced for part in batch.frames], columns.sizes)
    first = np.where(sequenced, columns.seq, columns.t_ns)
    if (columns.steps(first) > 0).all():
        return columns.edges[1:] - 1
    second = np.where(sequenced, columns.t_ns, columns.seq)
    order = np.lexsort((second, first, np.repeat(np.arange(len(batch.frames)), columns.sizes)))
    return order[columns.edges[1:] - 1]


def _live_order(part: Frames) -> NDArray[np.intp]:
    """The rows in live order (see `Latest.is_older_than`), oldest first."""
    return np.lexsort((part.t_ns, part.seq) if part.stream.sequenced else (part.seq, part.t_ns))


def _newer_than(before: Latest, part: Frames) -> NDArray[np.bool_]:
    if part.stream.sequenced:
        newer: NDArray[np.bool_] = (part.seq > before.seq) | ((part.seq == before.seq) & (part.t_ns > before.t_ns))
    else:
        newer = (part.t_ns > before.t_ns) | ((part.t_ns == before.t_ns) & (part.seq > before.seq))
    return newer


def _latest(part: Frames, row: int) -> Latest:
    return Latest(
        part.stream,
        int(part.t_ns[row]),
        int(part.seq[row]),
        int(part.received_ns[row]),
        int(part.quality[row]),
        part.values[row].copy(),  # a view would keep all the frames it came with
        part.texts[row] if part.texts else (),
    )


def _presence_row(presence: Presence) -> list[int | bool]:
    row = [presence.heard_ns, presence.lost, presence.lost_after_ns]
    return [*row, presence.died_ns] if presence.died_ns else row


def stream_line(latest: Latest) -> bytes:
    """One stream's line of the canonical state."""
    values = latest.values + 0.0
    absent = np.isnan(values)
    hexes = values.astype("<f8").tobytes().hex()
    cells = [None if absent[i] else hexes[16 * i : 16 * i + 16] for i in range(len(values))]
    row = [
        "stream", latest.stream.id, latest.t_ns, latest.seq, latest.received_ns, latest.quality, cells,
        list(latest.texts),
    ]  # fmt: skip
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass")


def restore(state: bytes, streams: Callable[[str], Stream]) -> Mirror:
    """The mirror that `Mirror.canonical` wrote; ``streams`` gives a stream by its id."""
    mirror = Mirror()
    for row in json.loads(b"[" + b",".join(state.splitlines()) + b"]"):
        if row[0] == "mirror":
            _, _, mirror.n, mirror.tick_ns, mirror._checked_ns = row  # noqa: SLF001  its own module
        elif row[0] == "stream":
            _, stream_id, t_ns, seq, received_ns, quality, cells, texts = row
            values = np.frombuffer(bytes.fromhex("".join([_ABSENT if cell is None else cell for cell in cells])), "<f8")
            mirror.latest[stream_id] = Latest(
                streams(stream_id), t_ns, seq, received_ns, quality, values.astype(np.float64), tuple(texts)
            )
        elif row[0] == "hearing":
            mirror.hearing.take(row[1], row[2])
        else:
            _, asset, *presence = row
            mirror.presence[asset] = Presence(*presence)
    return mirror


def difference(full: bytes, state: bytes) -> bytes:
    """What changed from the canonical state ``full`` to ``state``: its head, and the lines not in ``full``."""
    known = set(full.splitlines())
    lines = state.splitlines()
    return b"\n".join([lines[0], *(line for line in lines[1:] if line not in known)]) + b"\n"


def patch(full: bytes, changes: bytes) -> bytes:
    """Undo `difference`: the canonical state from the full one and the changes."""
    head, *changed = changes.splitlines()
    every = [*full.splitlines()[1:], *changed]
    rows = json.loads(b"[" + b",".join(every) + b"]")
    by_sort: dict[str, dict[str, bytes]] = {"stream": {}, "asset": {}, "hearing": {}}
    for row, line in zip(rows, every, strict=True):
        by_sort[row[0]][row[1]] = line
    return b"\n".join([head, *(lines[k] for lines in by_sort.values() for k in sorted(lines))]) + b"\n"


def fold(mirror: Mirror, batches: Iterable[Batch]) -> list[Event]:
    """Fold many batches, in order; returns all their events."""
    return [event for batch in batches for event in mirror.apply(batch)]
