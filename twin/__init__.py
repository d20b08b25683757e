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
from twin.message import DeadLetter, Handled, Liveness, Message
from twin.packml import UnitState
from twin.sample import Batch, Frames, Kind, Latest, Quality, Role, Signal, Stream
from twin.site import Asset, AssetType, Hub, Level, Name, Node, Place, Pose, Site, StreamType

__all__ = [
    "Asset", "AssetType", "Batch", "BrokerError", "Clock", "ConfigError", "DeadLetter", "DecodeError",
    "Event", "EventKind", "Frames", "Handled", "Hub", "IdError", "Kind", "Latest", "Level", "Liveness",
    "ManualClock", "Message", "Mistake", "Name", "Node", "Place", "PluginError", "Pose", "Quality", "Role",
    "ScenarioError", "Signal", "Site", "SourceError", "StoreCorrupt", "StoreError", "StoreRejected", "StoreUnavailable",
    "Stream", "StreamType", "TwinError", "UnitError", "UnitState",
]  # fmt: skip
