"""What a person sees of the plant: everything, or only what belongs to their sites.

Three narrow places keep to it, so that no page and no call has to: `Behind.factory` (which sites there
are), `Reader.history` (what was stored of them) and `LiveHub` (what is heard of them).
"""

from __future__ import annotations

import dataclasses
import heapq
from itertools import islice
from typing import TYPE_CHECKING, Any

from dashboards.access.auth import person
from twin.alarms.kept import AlarmsFolded
from twin.ids import site_of
from twin.partition import site_of as source_site

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from twin.alarms import AlarmEvent, AlarmEventKind, AlarmState
    from twin.alarms.kept import AlarmKeyframe
    from twin.config import Factory
    from twin.events import Event, EventKind
    from twin.ports import (
        FindingCount,
        Gap,
        History,
        Keyframe,
        Newcomer,
        Removal,
        Series,
        StoredDeadLetter,
        StoreSummary,
        StreamCount,
    )
    from twin.receipt import Received
    from twin.sample import Batch, Frames, Latest, Stream
    from twin.site import Hub

OWN_SOURCE = "twin/ingest/"
"""The twin's own signals of one source lie below this path."""
OWN = "twin"
LETTERS = 1000
"""So many refused messages are looked through for those of a person's sites."""


def reach() -> frozenset[str] | None:
    """The sites of the person who asks; None for all of them."""
    one = person()
    return None if one.sees_all else one.sites


def sources_of(streams: Iterable[Stream], sites: frozenset[str]) -> frozenset[str]:
    """The sources through which something of these sites came."""
    return frozenset(one.source for one in streams if one.source and site_of(one.asset) in sites)


def streams_of(streams: Mapping[int, Stream], sites: frozenset[str]) -> dict[int, Stream]:
    """The streams of these sites, and the twin's own of the sources that bring them."""
    own = {OWN_SOURCE + source for source in sources_of(streams.values(), sites)}
    return {key: one for key, one in streams.items() if site_of(one.asset) in sites or one.asset in own}


def hub_of(hub: Hub, sites: frozenset[str]) -> Hub:
    """The hub with these sites only."""
    return dataclasses.replace(hub, sites=tuple(one for one in hub.sites if one.id in sites))


class SeenFactory:
    """A field of a dataclass: the factory as the person who asks sees it, their sites and the sources of these."""

    def __get__(self, owner: Any, _kind: type | None = None) -> Factory:
        """The factory; raises AttributeError where the class is asked, so that the field has no default."""
        if owner is None:
            raise AttributeError("factory")
        seen: dict[frozenset[str] | None, Factory] = owner.__dict__["_seen"]
        sites = reach()
        if sites not in seen:
            seen[sites] = _factory_of(seen[None], sites or frozenset())
        return seen[sites]

    def __set__(self, owner: Any, factory: Factory) -> None:
        """The whole factory."""
        owner.__dict__["_seen"] = {None: factory}


def _factory_of(factory: Factory, sites: frozenset[str]) -> Factory:
    known = [one.id for one in factory.hub.sites]
    # What a source leaves to others are the others' topics.
    sources = tuple(dataclasses.replace(one, leaves=()) for one in factory.sources if source_site(one, known) in sites)
    played = dataclasses.replace(
        factory.simulate,
        sites=tuple(one for one in factory.simulate.sites if one in sites),
        dialects={
            name: one for name, one in factory.simulate.dialects.items() if "/" not in name or site_of(name) in sites
        },
        fault=tuple(one for one in factory.simulate.fault if site_of(one.asset) in sites),
    )
    rules = (
        dataclasses.replace(one, assets=tuple(a for a in one.assets if site_of(a) in sites)) for one in factory.alarms
    )
    return dataclasses.replace(
        factory,
        hub=hub_of(factory.hub, sites),
        sources=sources,
        simulate=played,
        alarms=tuple(one for one in rules if one.assets),
        record=tuple(one for one in factory.record if one.site in sites),
        notify=(),  # people are told of alarms by rules that may be of several sites
    )


def history_of(history: History) -> History:
    """The history as the person who asks sees it."""
    sites = reach()
    return history if sites is None else SiteHistory(history, sites)


class SiteHistory:
    """A history of some sites only. What belongs to none of them, or to several (batches), is left out.

    ``told`` is what of it had been received by a moment; all of it where that is not asked.
    """

    def __init__(self, history: History, sites: frozenset[str], told: Received | None = None) -> None:
        self._all = history
        self._told: Received = history if told is None else told
        self._sites = sites
        whole = history.streams()
        self._streams = streams_of(whole, sites)
        self._names = frozenset(one.id for one in self._streams.values())
        self._sources = sources_of(self._streams.values(), sites)
        self._others = {site_of(one.asset) for one in whole.values()} - sites - {OWN}

    def streams(self) -> dict[int, Stream]:
        """Those of the sites."""
        return dict(self._streams)

    def latest(self) -> dict[str, Latest]:
        """Those of the sites."""
        return {name: one for name, one in self._all.latest().items() if name in self._names}

    def as_of(self, t_ns: int, streams: Iterable[str] | None = None) -> dict[str, Latest]:
        """Those of the sites."""
        return self._all.as_of(t_ns, self._names if streams is None else self._names & set(streams))

    def frames(self, stream: str, start_ns: int, end_ns: int, limit: int | None = None) -> Frames:
        """None of a stream of another site, as of one that is not known."""
        return self._told.frames(self._name(stream), start_ns, end_ns, limit)

    def samples(self, stream: str, signal: str, start_ns: int, end_ns: int, max_points: int) -> Series:
        """None of a stream of another site, as of one that is not known."""
        return self._all.samples(self._name(stream), signal, start_ns, end_ns, max_points)

    def density(self, streams: Iterable[str], start_ns: int, end_ns: int, buckets: int) -> NDArray[np.int64]:
        """Counted over the streams of the sites."""
        return self._told.density([one for one in streams if one in self._names], start_ns, end_ns, buckets)

    def text_changes(self, stream: str, signal: str, start_ns: int, end_ns: int) -> list[tuple[int, str]]:
        """None of a stream of another site, as of one that is not known."""
        return self._told.text_changes(self._name(stream), signal, start_ns, end_ns)

    def _name(self, stream: str) -> str:
        return stream if stream in self._names else ""

    def batches(self, writer: str, first_n: int = 1, last_n: int | None = None) -> Iterator[Batch]:
        """None: a batch holds what came at one time, of whatever site."""
        del writer, first_n, last_n
        return iter(())

    def batch_checksum(self, writer: str, n: int) -> str:
        """That of the store: a hash."""
        return self._all.batch_checksum(writer, n)

    def batch_at(self, writer: str, t_ns: int) -> int:
        """That of the store: a number."""
        return self._all.batch_at(writer, t_ns)

    def skim(self, writer: str, first_n: int, last_n: int) -> None:
        """None, as `batches` has none."""

    def writers(self) -> tuple[str, ...]:
        """Those of the store."""
        return self._all.writers()

    def keyframes(self, writer: str, first_n: int = 1) -> Iterator[Keyframe]:
        """None: a keyframe holds the state of every site."""
        del writer, first_n
        return iter(())

    def last_keyframe(self, writer: str, *, full: bool = False, until_n: int | None = None) -> Keyframe | None:
        """The store's, without what is in it: its hash and its time belong to the installation."""
        found = self._all.last_keyframe(writer, full=full, until_n=until_n)
        return None if found is None else dataclasses.replace(found, state=b"")

    def received(self, by_ns: int) -> Received:
        """Of the sites what had been received by then."""
        return SiteHistory(self._all, self._sites, self._all.received(by_ns))

    def events(
        self, start_ns: int, end_ns: int, *, asset: str = "", kinds: Sequence[EventKind] = (), limit: int = 1000
    ) -> list[Event]:
        """Those of the sites and of their sources, newest first."""
        own = [OWN_SOURCE + source for source in sorted(self._sources)]
        if asset:
            mine = site_of(asset) in self._sites or any(asset == one or asset.startswith(one + "/") for one in own)
            return self._told.events(start_ns, end_ns, asset=asset, kinds=kinds, limit=limit) if mine else []
        found = [
            self._told.events(start_ns, end_ns, asset=path, kinds=kinds, limit=limit)
            for path in (*sorted(self._sites), *own)
        ]
        return list(islice(heapq.merge(*found, key=lambda event: event.order, reverse=True), limit))

    def batch_events(self, writer: str, n: int) -> tuple[Event, ...]:
        """Those of the sites."""
        return tuple(one for one in self._all.batch_events(writer, n) if site_of(one.asset) in self._sites)

    def dead_letters(self, *, source: str = "", reason: str = "", limit: int = 100) -> list[StoredDeadLetter]:
        """Those whose topic names one of the sites and no other one; of the rest nobody knows whose they are."""
        found = self._all.dead_letters(source=source, reason=reason, limit=max(limit, LETTERS))
        return [one for one in found if self._is_ours(one.topic)][:limit]

    def _is_ours(self, topic: str) -> bool:
        levels = set(topic.split("/"))
        return not levels.isdisjoint(self._sites) and levels.isdisjoint(self._others)

    def summary(self) -> StoreSummary:
        """The store's size, in numbers: it belongs to the installation."""
        return self._all.summary()

    def by_stream(self) -> dict[str, StreamCount]:
        """Those of the sites."""
        return {name: one for name, one in self._all.by_stream().items() if name in self._names}

    def newcomers(self) -> list[Newcomer]:
        """Those of the sites."""
        return [one for one in self._all.newcomers() if site_of(one.asset) in self._sites]

    def findings(self, *, source: str = "", device: str = "") -> list[FindingCount]:
        """Those of devices of the sites."""
        found = self._all.findings(source=source, device=device)
        return [one for one in found if site_of(one.device) in self._sites]

    def by_source(self) -> dict[str, dict[str, object]]:
        """Those of the sources that bring something of the sites."""
        return {name: row for name, row in self._all.by_source().items() if name in self._sources}

    def gaps(self, *, source: str = "", stream: str = "", limit: int = 100) -> list[Gap]:
        """Those of the sites, among the newest ``limit`` of all."""
        return [one for one in self._all.gaps(source=source, stream=stream, limit=limit) if one.stream in self._names]

    def removals(self) -> list[Removal]:
        """Those of the store: numbers and times, no content."""
        return self._all.removals()

    def alarms(self, writer: str = "") -> list[AlarmState]:
        """Those of the sites."""
        return [one for one in self._all.alarms(writer) if site_of(one.asset) in self._sites]

    def alarms_at(self, t_ns: int) -> list[AlarmState]:
        """Those of the sites."""
        return [one for one in self._told.alarms_at(t_ns) if site_of(one.asset) in self._sites]

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
        """Those of the sites, newest first."""
        paths = [asset] if asset else sorted(self._sites)
        found = [
            self._told.alarm_events(start_ns, end_ns, asset=path, alarm=alarm, kinds=kinds, limit=limit)
            for path in paths
            if site_of(path) in self._sites
        ]
        return list(islice(heapq.merge(*found, key=lambda event: event.t_ns, reverse=True), limit))

    def last_alarm_event(self) -> int:
        """A number that rises with each entry of the journal, of whichever site."""
        return self._all.last_alarm_event()

    def batch_alarms(self, writer: str, n: int) -> AlarmsFolded:
        """None: a batch holds what came at one time, of whatever site."""
        del writer, n
        return AlarmsFolded()

    def outside_events(self, writer: str, n: int) -> tuple[Event, ...]:
        """Those of the sites."""
        return tuple(one for one in self._all.outside_events(writer, n) if site_of(one.asset) in self._sites)

    def last_action(self, writer: str) -> int:
        """That of the store: a number."""
        return self._all.last_action(writer)

    def alarm_keyframe(self, writer: str, n: int) -> AlarmKeyframe | None:
        """None: it holds the alarms of every site."""
        del writer, n
        return None

    def alarm_keyframes(self, writer: str, first_n: int = 1) -> Iterator[AlarmKeyframe]:
        """None: they hold the alarms of every site."""
        del writer, first_n
        return iter(())

    def close(self) -> None:
        """Nothing is its own: the store is released by who opened it."""
