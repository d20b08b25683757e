"""A model beside the plant: what was stored since the last look, scored and said as a device would say it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from connectors.models.choose import STREAM
from connectors.models.reading import Sheet, read_sheet
from twin.anomaly import Spell, features_of
from twin.anomaly.config import score_topic
from twin.clock import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from twin.anomaly import Model, Scorer, Second
    from twin.ports import History
    from twin.sample import Latest

CATCH_UP_NS = 600 * NS_PER_S
"""After a pause, no more than so much of it is scored."""
DECIMALS = 4
"""Ratios are rounded, so that the same windows scored again are the same message, on any machine."""


class Said(msgspec.Struct, omit_defaults=False):
    """One score as its message holds it; None where nothing could be scored. ``ts`` in ms."""

    ts: int
    t2: float | None
    q: float | None
    forest: float | None
    alarm: bool
    sensor: str | None
    model: str


class Scoring:
    """One active version. Mutable: it remembers how far it scored, and the rows of the window before.

    A row is scored when every stream of the model that still tells anything has told beyond it: so what
    came late by less than that is in it, and a stream that is lost holds up nothing.
    """

    def __init__(self, model: Model, version: int, scorer: Scorer, forest: Second | None) -> None:
        self.model = model
        self.topic = score_topic(model.asset)
        self._version = version
        self._scorer = scorer
        self._forest = forest
        self._scored_ns = -1
        self._kept: Sheet | None = None
        self._spell = Spell()
        self._was_scored = False

    @property
    def scored_ns(self) -> int:
        """The last row that was looked at; -1 before the first look."""
        return self._scored_ns

    def look(self, history: History, now_ns: int) -> list[Said]:
        """What is to be said since the last look, in order."""
        latest = history.latest()
        ready_ns = self._ready_ns(latest, now_ns)
        if self._scored_ns < 0:
            self._resume(latest.get(f"{self.model.asset}:{STREAM}"), ready_ns)
        step_ns, rows = self.model.window.step_ns, self.model.window.rows
        start_ns = self._scored_ns + 1
        if ready_ns - start_ns > CATCH_UP_NS:
            start_ns, self._kept = ready_ns - CATCH_UP_NS, None
        if ready_ns < start_ns:
            return []
        before_ns = 0 if self._kept is not None else (rows - 1) * step_ns
        model = self.model
        sheet = read_sheet(history, model.watched, model.regime, model.window, start_ns - before_ns, ready_ns + 1)
        if not len(sheet.t_ns) or sheet.t_ns[-1] < start_ns:
            return []
        if self._kept is not None:
            sheet = _joined(self._kept, sheet)
        said = list(self._say(sheet, start_ns))
        self._scored_ns = int(sheet.t_ns[-1])
        last = slice(max(0, len(sheet.t_ns) - rows + 1), None)
        self._kept = Sheet(sheet.t_ns[last], sheet.values[last], sheet.in_regime[last])
        return said

    def _ready_ns(self, latest: Mapping[str, Latest], now_ns: int) -> int:
        """The newest instant that every stream which still tells anything has told of."""
        holds = {one.stream: one.hold_ns for one in self.model.watched}
        told = [(latest[name].t_ns, hold) for name, hold in holds.items() if name in latest]
        fresh = [t_ns for t_ns, hold_ns in told if now_ns - t_ns <= hold_ns]
        return min(fresh) if fresh else now_ns - max(holds.values())

    def _resume(self, last: Latest | None, ready_ns: int) -> None:
        """Go on behind what was said last, by whichever process; begin now where that is nothing, or long ago."""
        self._scored_ns = ready_ns - self.model.window.step_ns
        if last is None or not last.texts or ready_ns - last.t_ns > CATCH_UP_NS:
            return
        self._scored_ns = last.t_ns
        names = [signal.name for signal in last.stream.columns]
        if "anomaly.alarm" in names and last.values[names.index("anomaly.alarm")] == 1.0:
            self._spell = Spell(alarm=True, scored_ns=last.t_ns)

    def _say(self, sheet: Sheet, start_ns: int) -> Iterator[Said]:
        """One word a row that was scored, and one where scoring, or an alarm, ended."""
        model, rows = self.model, self.model.window.rows
        ends = sheet.ends(rows)
        ends = ends[sheet.t_ns[ends] >= start_ns]
        windows = sheet.windows(rows, ends)
        scores = self._scorer.score(windows)
        ratios, blame = scores.ratios(model.limits), scores.blame(model.limits)
        second = None
        if self._forest is not None and len(ends):
            second = model.limits.second_ratios(self._forest.strange(features_of(windows)))
        place = {int(row): i for i, row in enumerate(ends.tolist())}
        name = f"{model.name} {self._version}"
        for row in np.flatnonzero(sheet.t_ns >= start_ns).tolist():
            t_ns = int(sheet.t_ns[row])
            i = place.get(row)
            before = self._spell.alarm
            worst = math.nan if i is None else float(ratios[i].max())
            self._spell = self._spell.next(t_ns, worst, model.persistence)
            ts = t_ns // NS_PER_MS
            if i is None:
                if self._was_scored or before != self._spell.alarm:
                    yield Said(ts, None, None, None, self._spell.alarm, None, name)
                self._was_scored = False
                continue
            self._was_scored = True
            t2, q = (round(float(one), DECIMALS) for one in ratios[i])
            forest = None if second is None else round(float(second[i]), DECIMALS)
            sensor = model.signals[int(blame[i].argmax())] if worst > 1.0 else None
            yield Said(ts, t2, q, forest, self._spell.alarm, sensor, name)


def _joined(before: Sheet, after: Sheet) -> Sheet:
    return Sheet(
        np.concatenate([before.t_ns, after.t_ns]),
        np.concatenate([before.values, after.values]),
        np.concatenate([before.in_regime, after.in_regime]),
    )
