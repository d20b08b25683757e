"""An environment sensor, or a compressor's air side: what surrounds the machines."""

from __future__ import annotations

from twin.alarms.rule import SILENT, AlarmRule, Bound, Limit, On, Priority, sensor_rules
from twin.sample import Signal
from twin.site import AssetType, Name, StreamType

_ALARMS = (
    AlarmRule(
        "air_pressure_low", Limit(On("air_pressure"), Bound.LO, deadband=0.1), Priority.HIGH,
        Name("압축공기 압력 낮음", "Compressed air low"),
        Name("그리퍼가 제품을 놓치고 실린더가 멈춥니다.", "Grippers lose parts, cylinders stop."),
        Name("압축기와 건조기를 확인하고 큰 누설을 찾으십시오.", "Check compressor and dryer; look for a large leak."),
        on_delay_s=10.0, off_delay_s=30.0,
    ),
    AlarmRule(
        "air_pressure_high", Limit(On("air_pressure"), Bound.HI, deadband=0.1), Priority.MEDIUM,
        Name("압축공기 압력 높음", "Compressed air high"),
        Name("안전 밸브가 열리고 배관이 손상될 수 있습니다.", "The relief valve opens; pipes may suffer."),
        Name("압력 조절기와 압축기 제어를 확인하십시오.", "Check the regulator and the compressor's control."),
        on_delay_s=10.0, off_delay_s=30.0,
    ),
    AlarmRule(
        "temperature_high", Limit(On("temperature"), Bound.HI, share=1.1, deadband=1.0), Priority.LOW,
        Name("실내 온도 높음", "Hall too warm"),
        Name("제어반이 과열되고 치수 측정이 틀어집니다.", "Cabinets overheat, measures drift."),
        Name("환기와 냉방을 확인하십시오.", "Check ventilation and cooling."),
        on_delay_s=300.0, off_delay_s=300.0,
    ),
    AlarmRule(
        "temperature_low", Limit(On("temperature"), Bound.LO, deadband=1.0), Priority.LOW,
        Name("실내 온도 낮음", "Hall too cold"),
        Name("윤활유가 굳고 치수가 달라집니다.", "Oil stiffens, sizes change."),
        Name("난방과 출입문을 확인하십시오.", "Check heating and doors."),
        on_delay_s=300.0, off_delay_s=300.0,
    ),
    AlarmRule(
        "humidity_high", Limit(On("humidity"), Bound.HI, deadband=0.03), Priority.LOW,
        Name("습도 높음", "Too humid"),
        Name("결로와 녹이 생깁니다.", "Condensation, and rust."),
        Name("제습기와 공조기를 확인하십시오.", "Check dehumidifier and air conditioning."),
        on_delay_s=600.0, off_delay_s=600.0,
    ),
    AlarmRule(
        "particulates_high", Limit(On("particulates"), Bound.HI, deadband=5.0), Priority.MEDIUM,
        Name("분진 높음", "Too much dust"),
        Name("작업자 건강과 광학 센서에 해롭습니다.", "Bad for people, and for optical sensors."),
        Name("집진기와 필터를 확인하고 보호구를 착용하십시오.", "Check extraction and filters; wear masks."),
        on_delay_s=60.0, off_delay_s=120.0,
    ),
    AlarmRule(
        "noise_high", Limit(On("noise"), Bound.HI, deadband=2.0), Priority.LOW,
        Name("소음 높음", "Too loud"),
        Name("청력 보호가 필요하며 설비 이상일 수 있습니다.", "Ears need protection; a machine may be failing."),
        Name("청력 보호구를 착용하고 소리가 나는 설비를 확인하십시오.", "Wear ear protection; look at the machine that is loud."),
        on_delay_s=60.0, off_delay_s=120.0,
    ),
    *sensor_rules(On("air_pressure")),
    SILENT,
)  # fmt: skip

ASSET_TYPE = AssetType(
    "environment",
    Name("환경 센서", "Environment"),
    (
        StreamType(
            "data",
            (
                Signal("temperature", unit="Cel", low=15.0, high=32.0, label_ko="온도", label_en="Temperature"),
                Signal("humidity", unit="1", low=0.2, high=0.65, label_ko="습도", label_en="Humidity"),
                Signal("particulates", unit="ug/m3", low=0.0, high=75.0, label_ko="분진", label_en="Particulates"),
                Signal("noise", unit="dB", low=0.0, high=85.0, label_ko="소음", label_en="Noise"),
                Signal(
                    "air_pressure",
                    unit="bar",
                    low=5.5,
                    high=7.5,
                    label_ko="압축공기 압력",
                    label_en="Compressed air pressure",
                ),
            ),
            5.0,
        ),
    ),
    alarms=_ALARMS,
)
