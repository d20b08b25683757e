"""Alarms in memory: what `connectors.stores._alarms` keeps in tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.alarms.kept import AlarmsFolded
from twin.alarms.record import Letter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from twin.alarms.kept import AlarmKeyframe
    from twin.alarms.record import AlarmEvent, AlarmEventKind, AlarmState
    from twin.events import Event


class MemoryAlarms:
    """`twin.alarms.kept.AlarmHistory` in memory (mutable; a commit replaces what readers look at)."""

    def __init__(self) -> None:
        self._folded: dict[tuple[str, int], AlarmsFolded] = {}
        self._journal: tuple[AlarmEvent, ...] = ()
        self._alarms: dict[tuple[str, str], AlarmState] = {}
        self._outside: dict[tuple[str, int], tuple[Event, ...]] = {}

    def _keep_alarms(self, writer: str, n: int, folded: AlarmsFolded, outside: tuple[Event, ...]) -> None:
        self._folded[writer, n] = folded
        self._outside[writer, n] = outside
        self._journal += folded.events
        alarms = dict(self._alarms)
        for alarm, state in folded.changed.items():
            alarms.pop((writer, alarm), None)
            if state is not None:
                alarms[writer, alarm] = state
        self._alarms = alarms

    def alarms(self, writer: str = "") -> list[AlarmState]:
        """Every alarm that is not normal, by id; of one writer, or of all."""
        found = [state for (by, _), state in self._alarms.items() if writer in ("", by)]
        return sorted(found, key=lambda state: state.id)

    def alarms_at(self, t_ns: int) -> list[AlarmState]:
        """Every alarm that was not normal at a moment, by id."""
        told = sorted((one for one in self._journal if one.t_ns <= t_ns), key=lambda one: one.t_ns)
        last = {one.alarm: one.state for one in told if one.state is not None}
        return [state for _, state in sorted(last.items()) if state.letter is not Letter.NORMAL]

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
        found = [
            (one.t_ns, place, one)
            for place, one in enumerate(self._journal)
            if start_ns <= one.t_ns < end_ns
            and (not asset or one.asset == asset or one.asset.startswith(f"{asset}/"))
            and alarm in ("", one.alarm)
            and (not kinds or one.kind in kinds)
        ]
        return [one for _, _, one in sorted(found, key=lambda row: row[:2], reverse=True)[:limit]]

    def last_alarm_event(self) -> int:
        """How many entries the journal has."""
        return len(self._journal)

    def batch_alarms(self, writer: str, n: int) -> AlarmsFolded:
        """What was folded and told with one batch."""
        folded = self._folded.get((writer, n), AlarmsFolded())
        return AlarmsFolded(folded.events, actions=folded.actions)

    def outside_events(self, writer: str, n: int) -> tuple[Event, ...]:
        """The events of one batch that its fold did not make."""
        return self._outside.get((writer, n), ())

    def last_action(self, writer: str) -> int:
        """The number of the last action that the writer folded; 0 for none."""
        return max([0, *(a.id for (by, _), one in self._folded.items() if by == writer for a in one.actions)])

    def alarm_keyframe(self, writer: str, n: int) -> AlarmKeyframe | None:
        """The one of that batch."""
        return self._folded.get((writer, n), AlarmsFolded()).keyframe

    def alarm_keyframes(self, writer: str, first_n: int = 1) -> Iterator[AlarmKeyframe]:
        """All of them, in order of n."""
        for (by, n), one in sorted(self._folded.items()):
            if by == writer and n >= first_n and one.keyframe is not None:
                yield one.keyframe
