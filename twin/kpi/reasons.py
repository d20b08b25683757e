"""Why an asset stood: the catalogue that operators choose from, by the losses of ISO 22400-2. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from twin.kpi.times import Bucket
from twin.site import Name


class Loss(StrEnum):
    """What a stop costs, of the six big losses those that are stops; and what was planned."""

    BREAKDOWN = "breakdown"
    SETUP = "setup"
    """Setting up, changing over, adjusting."""
    WAITING = "waiting"
    """Idling and minor stops."""
    PLANNED = "planned"
    """Outside planned busy time: no loss of the machine's."""

    @property
    def bucket(self) -> Bucket:
        """What its time counts as."""
        return _BUCKETS[self]


_BUCKETS = {
    Loss.BREAKDOWN: Bucket.DOWN,
    Loss.SETUP: Bucket.SETUP,
    Loss.WAITING: Bucket.DELAY,
    Loss.PLANNED: Bucket.NOT_PLANNED,
}


@dataclass(frozen=True, slots=True)
class StopCause:
    """One reason of the catalogue. ``code`` is what is stored; names may change, codes stay."""

    code: str
    name: Name
    loss: Loss


CATALOGUE = (
    StopCause("mechanical", Name("기계 고장", "Mechanical failure"), Loss.BREAKDOWN),
    StopCause("electrical", Name("전기·제어 고장", "Electrical or control failure"), Loss.BREAKDOWN),
    StopCause("tool_breakage", Name("공구·지그 파손", "Tool or fixture broken"), Loss.BREAKDOWN),
    StopCause("sensor", Name("센서·비전 이상", "Sensor or vision fault"), Loss.BREAKDOWN),
    StopCause("overload", Name("과부하·과열 보호정지", "Overload or overheating trip"), Loss.BREAKDOWN),
    StopCause("safety", Name("안전장치 작동", "Safety stop"), Loss.BREAKDOWN),
    StopCause("changeover", Name("기종 교체", "Changeover"), Loss.SETUP),
    StopCause("tool_change", Name("공구·팁 교환", "Tool or tip change"), Loss.SETUP),
    StopCause("adjustment", Name("조정·시운전", "Adjustment, trial run"), Loss.SETUP),
    StopCause("warm_up", Name("예열·원점 복귀", "Warm-up, homing"), Loss.SETUP),
    StopCause("no_material", Name("자재 대기", "Waiting for material"), Loss.WAITING),
    StopCause("blocked", Name("배출 대기(후공정 막힘)", "Blocked by the next station"), Loss.WAITING),
    StopCause("transport", Name("운반 대기(AMR)", "Waiting for transport (AMR)"), Loss.WAITING),
    StopCause("no_operator", Name("작업자 대기", "Waiting for an operator"), Loss.WAITING),
    StopCause("quality_check", Name("품질 확인 대기", "Waiting for a quality check"), Loss.WAITING),
    StopCause("jam", Name("걸림 제거(순간정지)", "Jam cleared (minor stop)"), Loss.WAITING),
    StopCause("planned_maintenance", Name("계획 보전", "Planned maintenance"), Loss.PLANNED),
    StopCause("meeting", Name("조회·교육", "Meeting or training"), Loss.PLANNED),
    StopCause("cleaning", Name("청소·정리", "Cleaning"), Loss.PLANNED),
    StopCause("no_order", Name("생산 계획 없음", "No order"), Loss.PLANNED),
)
"""The product's own reasons; a site adds to them in the factory file (``[[site.stop_reason]]``)."""


def catalogue(own: tuple[StopCause, ...] = ()) -> dict[str, StopCause]:
    """Every reason by its code; a site's own replaces the product's of the same code."""
    return {cause.code: cause for cause in (*CATALOGUE, *own)}
