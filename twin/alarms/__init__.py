"""Alarms by ISA-18.2 / IEC 62682. Read it as an alarm comes about.

``rule`` says what is abnormal, ``watch`` finds it in whole batches, ``book`` folds it with delays and what
operators did (``desk``), ``record`` is what is known of each, ``flood`` and ``performance`` how well the
alarms themselves serve.
"""

from twin.alarms.book import AlarmBook, restore
from twin.alarms.record import ActionKind, AlarmAction, AlarmEvent, AlarmEventKind, AlarmState, Letter
from twin.alarms.rule import (
    AlarmRule,
    Bound,
    Deviation,
    DeviceError,
    Frozen,
    InState,
    Limit,
    Missing,
    On,
    Priority,
    Rate,
    Stale,
    rules_by_asset,
)

__all__ = [
    "ActionKind",
    "AlarmAction",
    "AlarmBook",
    "AlarmEvent",
    "AlarmEventKind",
    "AlarmRule",
    "AlarmState",
    "Bound",
    "Deviation",
    "DeviceError",
    "Frozen",
    "InState",
    "Letter",
    "Limit",
    "Missing",
    "On",
    "Priority",
    "Rate",
    "Stale",
    "restore",
    "rules_by_asset",
]  # fmt: skip
