"""The factory itself: the vocabulary of the project. See README.md for this folder's law."""

from twin.alarms import AlarmAction, AlarmBook, AlarmEvent, AlarmRule, AlarmState
from twin.clock import Clock, ManualClock
from twin.errors import (
    BrokerError,
    ConfigError,
    DecodeError,
    IdError,
    Mistake,
    PluginError,
    ScenarioError,
    SourceError,
    StoreCorrupt,
    StoreError,
    StoreRejected,
    StoreUnavailable,
    TwinError,
    UnitError,
)
from twin.events import Event, EventKind
from twin.kpi import Kpi, StopReason, Totals
from twin.message import Announced, Ask, DeadLetter, Finding, Handled, Liveness, Message, Settled
from twin.packml import UnitMode, UnitState
from twin.sample import Batch, Frames, Kind, Latest, Quality, Role, Signal, Stream
from twin.shifts import Shift, ShiftCalendar
from twin.site import Asset, AssetType, Hub, Level, Name, Node, Place, Pose, Site, StreamType
from twin.states import StateInterval

__all__ = [
    "AlarmAction", "AlarmBook", "AlarmEvent", "AlarmRule", "AlarmState", "Announced", "Ask", "Asset", "AssetType",
    "Batch", "BrokerError", "Clock", "ConfigError", "DeadLetter", "DecodeError", "Event", "EventKind", "Finding",
    "Frames", "Handled", "Hub", "IdError", "Kind", "Kpi", "Latest", "Level", "Liveness", "ManualClock", "Message",
    "Mistake", "Name", "Node", "Place", "PluginError", "Pose", "Quality", "Role", "ScenarioError", "Settled",
    "Shift", "ShiftCalendar", "Signal", "Site", "SourceError", "StateInterval", "StopReason", "StoreCorrupt",
    "StoreError", "StoreRejected", "StoreUnavailable", "Stream", "StreamType", "Totals", "TwinError", "UnitError",
    "UnitMode", "UnitState",
]  # fmt: skip
