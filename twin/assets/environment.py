"""An environment sensor, or a compressor's air side: what surrounds the machines."""

from __future__ import annotations

from twin.sample import Signal
from twin.site import AssetType, Name, StreamType

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
)
