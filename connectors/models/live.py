"""A model beside the plant: what was stored since the last look, scored and said as a device would say it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from connectors.follow import resume_ns
from connectors.models.choose import STREAM
from connectors.models.reading import Sheet, read_sheet
from twin.anomaly import Spell, features_of
from twin.clock import NS_PER_MS, NS_PER_S
from twin.computed import SCORES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from twin.anomaly import Model, Scorer, Second
    from twin.ports import History
    from twin.sample import Latest

CATCH_UP_NS = 600 * NS_PER_S
"""After a pause, no more than so much of it is scored."""
SENDS_NS = 10 * NS_PER_S
"""A stream of which nothing was received for so long is lost, and waited for no more."""
DIGITS = 5
"""To so many digits ratios are said: single precision holds no more than six."""


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

    A row is scored when every stream of the model that still sends has told beyond it: so a device that is
    late is waited for, and one that is lost holds up nothing.
    """

    def __init__(self, model: Model, version: int, scorer: Scorer, forest: Second | None) -> None:
        self.model = model
        self.topic = SCORES.topic(model.asset)
        self._name = f"{model.name} {version}"
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
            self._resume(history, latest.get(f"{self.model.asset}:{STREAM}"), ready_ns)
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
        """The newest instant that every stream which still sends has told of, however late it sends.

        Streams that send on change only hold up nothing; where none of the others sends, what came last counts.
        """
        holds = {one.stream: one.hold_ns for one in self.model.watched}
        told = [latest[name] for name in holds if name in latest]
        sending = [one for one in told if now_ns - one.received_ns <= max(holds[one.stream.id], SENDS_NS)]
        paced = [one.t_ns for one in sending if one.stream.period_s is not None]
        if paced:
            return min(paced)
        return max((one.t_ns for one in sending), default=now_ns - max(holds.values()))

    def _resume(self, history: History, last: Latest | None, ready_ns: int) -> None:
        """Go on behind what this version said last, by whichever process; begin now where that is nothing, or long ago.

        How long it was beyond a limit already is read off what was said, so that a restart changes no word.
        """
        step_ns = self.model.window.step_ns
        self._scored_ns = resume_ns(None, ready_ns, CATCH_UP_NS, step_ns)
        if last is None or not last.texts or ready_ns - last.t_ns > CATCH_UP_NS:
            return
        frames = history.frames(last.stream.id, last.t_ns - CATCH_UP_NS, last.t_ns + 1)
        names = [signal.name for signal in last.stream.columns]
        t2, q, alarm = (names.index(f"anomaly.{one}") for one in ("t2", "q", "alarm"))
        by = [signal.name for signal in last.stream.text_columns].index("anomaly.model")
        mine = [row for row, texts in enumerate(frames.texts) if texts[by] == self._name]
        if not mine or mine[-1] != len(frames) - 1:
            return
        self._scored_ns = resume_ns(last.t_ns, ready_ns, CATCH_UP_NS, step_ns)
        self._spell = Spell(alarm=bool(frames.values[mine[0], alarm] == 1.0), scored_ns=int(frames.t_ns[mine[0]]))
        for row in mine:
            worst = float(max(frames.values[row, t2], frames.values[row, q]))
            self._spell = self._spell.next(int(frames.t_ns[row]), worst, self.model.persistence)
        self._spell = replace(self._spell, alarm=bool(frames.values[mine[-1], alarm] == 1.0))
        self._was_scored = not math.isnan(frames.values[mine[-1], t2])

    def _say(self, sheet: Sheet, start_ns: int) -> Iterator[Said]:
        """One word a row that was scored, and one where scoring, or an alarm, ended."""
        model, rows = self.model, self.model.window.rows
        ends = sheet.ends(rows)
        ends = ends[sheet.t_ns[ends] >= start_ns]
        place = {int(row): window for row, window in zip(ends.tolist(), sheet.windows(rows, ends), strict=True)}
        for row in np.flatnonzero(sheet.t_ns >= start_ns).tolist():
            t_ns = int(sheet.t_ns[row])
            before, window = self._spell.alarm, place.get(row)
            # One window at a time: among others a runtime may sum in another order, and say the last digit otherwise.
            scores = None if window is None else self._scorer.score(window[None])
            t2, q = (math.nan, math.nan) if scores is None else map(_rounded, scores.ratios(model.limits)[0])
            worst = max(t2, q)  # as it is said, so that whoever reads it again comes to the same alarm
            self._spell = self._spell.next(t_ns, worst, model.persistence)
            ts = t_ns // NS_PER_MS
            if window is None or scores is None:
                if self._was_scored or before != self._spell.alarm:
                    yield Said(ts, None, None, None, self._spell.alarm, None, self._name)
                self._was_scored = False
                continue
            self._was_scored = True
            forest = None
            if self._forest is not None:
                strange = self._forest.strange(features_of(window[None]))
                forest = _rounded(model.limits.second_ratios(strange)[0])
            sensor = model.signals[int(scores.blame(model.limits)[0].argmax())] if worst > 1.0 else None
            yield Said(ts, t2, q, forest, self._spell.alarm, sensor, self._name)


def _rounded(ratio: float) -> float:
    return float(f"{ratio:.{DIGITS}g}")


def _joined(before: Sheet, after: Sheet) -> Sheet:
    return Sheet(
        np.concatenate([before.t_ns, after.t_ns]),
        np.concatenate([before.values, after.values]),
        np.concatenate([before.in_regime, after.in_regime]),
    )
