"""Playing a scenario: its batches, folded as ingest folds them, and the hash of what came of it."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from twin.alarms.book import AlarmBook
from twin.alarms.kept import AlarmFold
from twin.clock import NS_PER_S
from twin.keyframes import KeyframePolicy
from twin.kpi import AssetRecord, Totals, joined, kept_of, kpis, record_of, scopes_told, summed, totals_of
from twin.kpi.tellings import ideal_ns, tellings
from twin.mirror import Mirror
from twin.ports import Folded
from twin.sample import batch_of
from twin.scenario.expect import Told, Verdict, signals_of
from twin.simulation.plant import build_plant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from twin.alarms.rule import RulesByAsset
    from twin.kpi import Kept, Kpi
    from twin.kpi.tellings import Telling, Wanted
    from twin.sample import Batch, Frames, Stream
    from twin.scenario.model import Scenario
    from twin.simulation.faults import Trouble
    from twin.site import Hub, Site

WRITER = "simulated"
"""Who writes a scenario's batches; in its hash, so it is the same everywhere."""
CHUNK_S = 300.0


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a scenario."""

    seed: int
    sha256: str
    batches: int
    frames: int
    alarms: int
    verdicts: tuple[Verdict, ...]
    troubles: tuple[Trouble, ...]

    @property
    def is_met(self) -> bool:
        """Whether everything that was asked came about."""
        return all(one.met is not False for one in self.verdicts)


class Playing:
    """One run of a scenario. Mutable: whoever made it takes its batches and folds each, in order, once.

    `run` does both; a store does so with its own transaction around each fold.
    """

    def __init__(self, scenario: Scenario, hub: Hub, rules: RulesByAsset, seed: int | None = None) -> None:
        site = hub.site(scenario.site)
        assert site is not None  # noqa: S101  `parse_scenario` has seen it
        self.scenario = scenario
        self.site = _changed(site, scenario)
        self.seed = scenario.seed if seed is None else seed
        self.mirror = Mirror()
        self.frames = 0
        self._fold = AlarmFold(WRITER, AlarmBook(rules), rules)
        self._keyframes = KeyframePolicy()
        self._plant = build_plant(
            self.site, seed=self.seed, start_ns=scenario.start_ns, faults=scenario.faults,
            breakdowns=scenario.breakdowns, settings=scenario.settings, errands=scenario.errands,
        )  # fmt: skip
        self._told = Told(scenario, self.seed)
        self._digest = hashlib.sha256()
        self._troubles: list[Trouble] = []
        self._counting = _Counting(self.site, self._plant.streams)
        self._asked = signals_of(scenario.expectations)
        self._rows: dict[tuple[str, str], list[tuple[int, float | str]]] = {}

    def batches(self) -> Iterator[Batch]:
        """Every batch of the scenario, in order."""
        scenario, n = self.scenario, 0
        step_ns = round(scenario.batch_s * NS_PER_S)
        chunk_ns = max(1, round(CHUNK_S / scenario.batch_s)) * step_ns
        for begin_ns in range(scenario.start_ns, scenario.end_ns, chunk_ns):
            end_ns = min(begin_ns + chunk_ns, scenario.end_ns)
            sampled = self._plant.advance(end_ns, slow=not scenario.full_rate)
            parts = [self._plant.faults.heard(part, scenario.start_ns) for part in sampled]
            self._troubles += self._plant.troubles()
            self._note(parts)
            ticks = [*range(begin_ns, end_ns, step_ns), end_ns]
            cuts = [(part, np.searchsorted(part.t_ns, ticks).tolist()) for part in parts]
            for place, tick_ns in enumerate(ticks[1:]):
                n += 1
                yield batch_of(WRITER, n, tick_ns, _cut(cuts, place))

    def fold(self, batch: Batch) -> Folded:
        """Fold a batch, as it was stored."""
        events = self.mirror.apply(batch)
        keyframe = self._keyframes.after(WRITER, self.mirror)
        alarms = self._fold.apply(batch, self.mirror, events, (), keep=keyframe is not None)
        self._fold.settled()
        self._told.events += events
        self._told.journal += alarms.events
        for event in events:
            self._tell(event.kind, event.t_ns, event.asset, event.signal, event.before, event.after)
        for one in alarms.events:
            self._tell(one.kind, one.t_ns, one.alarm, one.asset, one.occurrence, one.count, one.value, one.hidden)
        self.frames += len(batch)
        return Folded(events, self.mirror.changed, keyframe, alarms)

    def run(self) -> Played:
        """Play it without keeping anything."""
        for batch in self.batches():
            self.fold(batch)
        return self.played()

    def played(self) -> Played:
        """What came of it, when all its batches are folded."""
        digest = self._digest.copy()
        digest.update(self.mirror.canonical())
        digest.update(self._fold.book.canonical())
        told = replace(self._told, sha256=digest.hexdigest(), rows=self._rows, kpi=self._counting.kpi)
        verdicts = tuple(one.judge(told) for one in self.scenario.expectations)
        return Played(
            self.seed, told.sha256, self.mirror.n, self.frames, self._fold.book.occurrences, verdicts,
            tuple(self._troubles),
        )  # fmt: skip

    def _tell(self, *fact: object) -> None:
        self._digest.update(json.dumps(fact, ensure_ascii=False).encode() + b"\n")

    def _note(self, parts: Sequence[Frames]) -> None:
        """Keep what expectations will ask for."""
        for part in parts:
            self._counting.note(part)
            for column, signal in enumerate(part.stream.columns):
                if (part.stream.asset, signal.name) in self._asked:
                    rows = zip(part.t_ns.tolist(), part.values[:, column].tolist(), strict=True)
                    found = self._rows.setdefault((part.stream.asset, signal.name), [])
                    found += [row for row in rows if not math.isnan(row[1])]
            for column, signal in enumerate(part.stream.text_columns):
                if (part.stream.asset, signal.name) in self._asked:
                    words = (row[column] for row in part.texts)
                    found = self._rows.setdefault((part.stream.asset, signal.name), [])
                    found += [(t, word) for t, word in zip(part.t_ns.tolist(), words, strict=True) if word is not None]


class _Counting:
    """What figures are made of, kept as it comes. Mutable: `Playing` feeds it."""

    def __init__(self, site: Site, streams: Sequence[Stream]) -> None:
        self._site = site
        self._told: dict[str, Telling] = tellings(streams)
        self._wanted: dict[str, list[Wanted]] = {}
        for telling in self._told.values():
            for wanted in telling.wanted:
                self._wanted.setdefault(wanted.stream, []).append(wanted)
        self._kept: dict[Wanted, list[Kept]] = {}

    def note(self, part: Frames) -> None:
        """Keep of a stretch of frames what changes."""
        for one in self._wanted.get(part.stream.id, ()):
            self._kept.setdefault(one, []).append(kept_of(part, one.columns, one.texts, one.stale_ns))

    def kpi(self, name: str, of: str, start_ns: int, end_ns: int) -> Kpi | None:
        """A figure; None where the scope counts nothing."""
        scope = next((one for one in scopes_told(self._site, self._told) if one.id == of), None)
        if scope is None or not all(asset in self._told for asset in scope.assets):
            return None
        total, outlet = summed(scope, lambda asset: self._totals(asset, start_ns, end_ns))
        found = kpis(total, outlet=outlet, outlets=max(1, len(scope.outlets)))
        return next((one for one in found if one.name == name), None)

    def _totals(self, asset: str, start_ns: int, end_ns: int) -> Totals:
        telling = self._told[asset]
        if not all(one in self._kept for one in telling.wanted):
            return totals_of(AssetRecord(()), start_ns, end_ns)
        kept: Mapping[Wanted, Kept] = {one: joined(self._kept[one], one.stale_ns) for one in telling.wanted}
        declared = next(one for one in self._site.assets if one.id == asset)
        record = record_of(telling, kept, self._site, start_ns, end_ns, ideal_ns=ideal_ns(declared))
        return totals_of(record, start_ns, end_ns)


def _changed(site: Site, scenario: Scenario) -> Site:
    """The site as it is in the scenario: with other attributes from the start on."""
    others: dict[str, dict[str, float]] = {}
    for one in scenario.attributes:
        others.setdefault(one.asset, {})[one.name] = one.value
    assets = tuple(
        replace(asset, attributes={**asset.attributes, **others[asset.id]}) if asset.id in others else asset
        for asset in site.assets
    )
    return replace(site, assets=assets)


def _cut(cuts: Sequence[tuple[Frames, list[int]]], place: int) -> Iterator[Frames]:
    """What lies between two ticks."""
    for part, at in cuts:
        if at[place] < at[place + 1]:
            yield part.take(np.arange(at[place], at[place + 1]))
