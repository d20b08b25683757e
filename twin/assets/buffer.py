"""A buffer between two stations."""

from __future__ import annotations

from twin.sample import Role, Signal
from twin.site import AssetType, Name, StreamType

ASSET_TYPE = AssetType(
    "buffer",
    Name("버퍼", "Buffer"),
    (
        StreamType(
            "data",
            (
                Signal("level", unit="{part}", role=Role.LEVEL, low=0.0, label_ko="재공", label_en="Level"),
                Signal("capacity", unit="{part}", role=Role.CAPACITY, label_ko="용량", label_en="Capacity"),
            ),
            1.0,
        ),
    ),
)
