"""An electricity meter."""

from __future__ import annotations

from twin.alarms.rule import SILENT, AlarmRule, Bound, Limit, On, Priority, sensor_rules
from twin.sample import Kind, Role, Signal
from twin.site import AssetType, Name, StreamType

_ALARMS = (
    AlarmRule(
        "power_high", Limit(On(role=Role.POWER), Bound.HI, deadband=10.0), Priority.MEDIUM,
        Name("최대 전력 초과", "Power above its peak"),
        Name("계약 전력을 넘으면 요금이 크게 오릅니다.", "Above the contracted peak the tariff rises."),
        Name("큰 부하의 기동을 늦추고 쉬는 설비를 끄십시오.", "Delay the start of large loads; switch off what idles."),
        on_delay_s=60.0, off_delay_s=60.0,
    ),
    AlarmRule(
        "voltage_low", Limit(On("voltage"), Bound.LO, deadband=2.0), Priority.MEDIUM,
        Name("전압 낮음", "Voltage low"),
        Name("구동기가 저전압으로 정지할 수 있습니다.", "Drives may trip on undervoltage."),
        Name("수전 설비와 전력 회사의 공급 상태를 확인하십시오.", "Check the transformer, and ask the supplier."),
        on_delay_s=5.0, off_delay_s=10.0,
    ),
    AlarmRule(
        "voltage_high", Limit(On("voltage"), Bound.HI, deadband=2.0), Priority.MEDIUM,
        Name("전압 높음", "Voltage high"),
        Name("전자 장치가 손상될 수 있습니다.", "Electronics may be damaged."),
        Name("변압기 탭과 역률 보상 장치를 확인하십시오.", "Check transformer taps and the capacitor bank."),
        on_delay_s=5.0, off_delay_s=10.0,
    ),
    AlarmRule(
        "power_factor_low", Limit(On("power_factor"), Bound.LO, deadband=0.01), Priority.LOW,
        Name("역률 낮음", "Power factor low"),
        Name("역률 요금이 부과됩니다.", "The supplier charges for it."),
        Name("콘덴서 뱅크의 동작을 확인하십시오.", "Check the capacitor bank."),
        on_delay_s=600.0, off_delay_s=60.0,
    ),
    *sensor_rules(On("voltage")),
    SILENT,
)  # fmt: skip

ASSET_TYPE = AssetType(
    "energy_meter",
    Name("전력량계", "Energy meter"),
    (
        StreamType(
            "data",
            (
                Signal(
                    "power",
                    unit="kW",
                    role=Role.POWER,
                    low=0.0,
                    high=400.0,
                    label_ko="유효 전력",
                    label_en="Active power",
                ),
                Signal("energy", Kind.COUNTER, "kW.h", Role.ENERGY, label_ko="누적 전력량", label_en="Energy"),
                Signal("voltage", unit="V", low=361.0, high=399.0, label_ko="전압", label_en="Voltage"),
                Signal("current", unit="A", low=0.0, high=700.0, label_ko="전류", label_en="Current"),
                Signal("power_factor", unit="1", low=0.85, high=1.0, label_ko="역률", label_en="Power factor"),
            ),
            1.0,
        ),
    ),
    alarms=_ALARMS,
)
