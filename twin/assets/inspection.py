"""An inspection station."""

from __future__ import annotations

from twin.alarms.rule import SILENT, AlarmRule, DeviceError, InState, On, Priority, Rate
from twin.sample import Kind, Role, Signal
from twin.site import AssetType, Name, StreamType

_ALARMS = (
    AlarmRule(
        "scrap_rate", Rate(On(role=Role.SCRAP_COUNT), per_s=6 / 900, within_s=900.0), Priority.HIGH,
        Name("불량 급증", "Scrap comes in a row"),
        Name("앞 공정이 불량을 계속 만들고 있습니다.", "A station before goes on making scrap."),
        Name("최근 불량의 유형을 확인하고 원인 공정을 멈추십시오.", "See what is wrong with the last ones; stop the station that makes it."),
    ),
    AlarmRule(
        "faulted", InState(frozenset({"Aborted", "Aborting", "Held", "Holding"})), Priority.HIGH,
        Name("검사기 이상 정지", "Inspection stopped by a fault"),
        Name("제품이 검사되지 않고 라인이 막힙니다.", "Nothing is inspected; the line blocks."),
        Name("카메라·게이지와 조명을 확인하고 오류를 해제하십시오.", "Check camera or gauge and its light, then clear the fault."),
        on_delay_s=5.0,
    ),
    AlarmRule(
        "device_error", DeviceError(), Priority.MEDIUM,
        Name("검사기 오류 보고", "The inspection reports an error"),
        Name("판정을 믿을 수 없을 수 있습니다.", "Its verdicts may be wrong."),
        Name("오류 내용을 확인하고 기준 시편으로 점검하십시오.", "Read the error; check it with a master part."),
    ),
    SILENT,
)  # fmt: skip

ASSET_TYPE = AssetType(
    "inspection",
    Name("검사기", "Inspection"),
    (
        StreamType(
            "data",
            (
                Signal("state", Kind.STATE, role=Role.STATE, label_ko="상태", label_en="State"),
                Signal("last_result", Kind.STATE, label_ko="최근 판정", label_en="Last result"),
                Signal(
                    "measured_deviation",
                    unit="mm",
                    low=-0.25,
                    high=0.25,
                    label_ko="측정 편차",
                    label_en="Measured deviation",
                ),
                Signal(
                    "good_count", Kind.COUNTER, "{part}", Role.GOOD_COUNT, label_ko="양품 수", label_en="Good parts"
                ),
                Signal(
                    "scrap_count", Kind.COUNTER, "{part}", Role.SCRAP_COUNT, label_ko="불량 수", label_en="Scrap parts"
                ),
                Signal(
                    "cycle_time",
                    unit="s",
                    role=Role.CYCLE_TIME,
                    low=0.0,
                    label_ko="검사 시간",
                    label_en="Inspection time",
                ),
            ),
            1.0,
        ),
    ),
    alarms=_ALARMS,
)
