"""An inspection station."""

from __future__ import annotations

from twin.sample import Kind, Role, Signal
from twin.site import AssetType, Name, StreamType

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
)
