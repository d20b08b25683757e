"""The factory itself: the vocabulary of the project. See README.md for this folder's law."""

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
from twin.message import Announced, Ask, DeadLetter, Finding, Handled, Liveness, Message, Settled
from twin.packml import UnitState
from twin.sample import Batch, Frames, Kind, Latest, Quality, Role, Signal, Stream
from twin.site import Asset, AssetType, Hub, Level, Name, Node, Place, Pose, Site, StreamType

__all__ = [
    "Announced", "Ask", "Asset", "AssetType", "Batch", "BrokerError", "Clock", "ConfigError", "DeadLetter",
    "DecodeError", "Event", "EventKind", "Finding", "Frames", "Handled", "Hub", "IdError", "Kind", "Latest",
    "Level", "Liveness", "ManualClock", "Message", "Mistake", "Name", "Node", "Place", "PluginError", "Pose",
    "Quality", "Role", "ScenarioError", "Settled", "Signal", "Site", "SourceError", "StoreCorrupt", "StoreError",
    "StoreRejected", "StoreUnavailable", "Stream", "StreamType", "TwinError", "UnitError", "UnitState",
]  # fmt: skip
