"""What VDA 5050 asks of each message, by major version: required fields, types, enumerations.

Written from the field tables of the standard (1.1, 2.0, 2.1, 3.0). A field is required in the majors
that its second word names. Where text and published schema of 2.x disagree (``PAUSED`` as an action's
status), the text holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_FAULTS = 20
"""How many faults of one message are told."""
MAX_CHECKED = 100
"""How many items of a list are looked at."""
_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "int": (int,),
    "number": (int, float),
    "flag": (bool,),
    "list": (list,),
    "object": (dict,),
    "any": (str, int, float, bool, list, dict),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its type, the majors that require it ("23"), its words, its bounds, and what is inside."""

    type: str
    required: str = ""
    words: frozenset[str] = frozenset()
    low: float | None = None
    high: float | None = None
    inside: Mapping[str, Field] = field(default_factory=dict)


def _each(type_: str, required: str, names: str) -> dict[str, Field]:
    return {name: Field(type_, required) for name in names.split()}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PI = 3.1416
_MAP_STATUS = Field("text", "123", _words("ENABLED DISABLED"))
_HEADER = {
    "headerId": Field("int", "123", low=0),
    "timestamp": Field("text", "123"),
    "version": Field("text", "123"),
    "manufacturer": Field("text", "123"),
    "serialNumber": Field("text", "123"),
}
_POINT = {"x": Field("number", "123"), "y": Field("number", "123"), "weight": Field("number", "")}
_TRAJECTORY = {
    "degree": Field("number", "12"),
    "knotVector": Field("list", "12"),
    "controlPoints": Field("list", "123", inside=_POINT),
}
_NODE_POSITION = {
    "x": Field("number", "123"),
    "y": Field("number", "123"),
    "theta": Field("number", "", low=-_PI, high=_PI),
    "mapId": Field("text", "123"),
}
_NODE_STATE = {
    "nodeId": Field("text", "123"),
    "sequenceId": Field("int", "123", low=0),
    "released": Field("flag", "123"),
    "nodePosition": Field("object", inside=_NODE_POSITION),
}
_EDGE_STATE = {
    "edgeId": Field("text", "123"),
    "sequenceId": Field("int", "123", low=0),
    "released": Field("flag", "123"),
    "trajectory": Field("object", inside=_TRAJECTORY),
}
_POSITION = {
    "x": Field("number", "123"),
    "y": Field("number", "123"),
    "theta": Field("number", "123", low=-_PI, high=_PI),
    "mapId": Field("text", "123"),
    "positionInitialized": Field("flag", "12"),
    "localized": Field("flag", "3"),
    "localizationScore": Field("number", low=0, high=1),
    "deviationRange": Field("number"),
}
_VELOCITY = {"vx": Field("number"), "vy": Field("number"), "omega": Field("number")}
_ACTION_STATE = {
    "actionId": Field("text", "123"),
    "actionType": Field("text", ""),
    "actionStatus": Field("text", "123", _words("WAITING INITIALIZING RUNNING PAUSED FINISHED FAILED RETRIABLE")),
    "resultDescription": Field("text"),
    "actionResult": Field("text"),
}
_ERROR = {
    "errorType": Field("text", "123"),
    "errorLevel": Field("text", "123", _words("WARNING FATAL URGENT CRITICAL")),
    "errorDescription": Field("text"),
    "errorHint": Field("text"),
    "errorReferences": Field(
        "list", inside={"referenceKey": Field("text", "123"), "referenceValue": Field("text", "123")}
    ),
}
_BATTERY = {
    "batteryCharge": Field("number", "12", low=0, high=100),
    "stateOfCharge": Field("number", "3", low=0, high=100),
    "batteryVoltage": Field("number"),
    "batteryCurrent": Field("number"),
    "batteryHealth": Field("number", low=0, high=100),
    "charging": Field("flag", "123"),
    "reach": Field("number", low=0),
    "range": Field("number", low=0),
}
_SAFETY = {
    "eStop": Field("text", "12", _words("AUTOACK MANUAL REMOTE NONE")),
    "activeEmergencyStop": Field("text", "3", _words("MANUAL REMOTE NONE")),
    "fieldViolation": Field("flag", "123"),
}
_LOAD = {
    "loadId": Field("text"),
    "loadType": Field("text"),
    "loadPosition": Field("text"),
    "weight": Field("number", low=0),
}
_CONNECTION = _words("ONLINE OFFLINE CONNECTIONBROKEN CONNECTION_BROKEN HIBERNATING")
_MODES = _words("AUTOMATIC SEMIAUTOMATIC MANUAL SERVICE TEACHIN TEACH_IN STARTUP INTERVENED")
_ACTION = {
    "actionId": Field("text", "123"),
    "actionType": Field("text", "123"),
    "blockingType": Field("text", "123", _words("NONE SOFT SINGLE HARD")),
    "actionParameters": Field("list", inside={"key": Field("text", "123"), "value": Field("any", "123")}),
}
_REQUEST_STATUS = Field("text", "3", _words("REQUESTED GRANTED REVOKED EXPIRED"))
MESSAGES: dict[str, dict[str, Field]] = {
    "connection": {
        **_HEADER,
        "connectionState": Field("text", "123", _CONNECTION),
    },
    "visualization": {
        **{name: Field(one.type, "3", low=one.low) for name, one in _HEADER.items()},
        "referenceStateHeaderId": Field("int", "3"),
        "agvPosition": Field("object", inside=_POSITION),
        "mobileRobotPosition": Field("object", inside=_POSITION),
        "velocity": Field("object", inside=_VELOCITY),
    },
    "state": {
        **_HEADER,
        "orderId": Field("text", "123"),
        "orderUpdateId": Field("int", "123", low=0),
        "lastNodeId": Field("text", "123"),
        "lastNodeSequenceId": Field("int", "123", low=0),
        "nodeStates": Field("list", "123", inside=_NODE_STATE),
        "edgeStates": Field("list", "123", inside=_EDGE_STATE),
        "agvPosition": Field("object", inside=_POSITION),
        "mobileRobotPosition": Field("object", inside=_POSITION),
        "velocity": Field("object", inside=_VELOCITY),
        "loads": Field("list", inside=_LOAD),
        "driving": Field("flag", "123"),
        "paused": Field("flag"),
        "newBaseRequest": Field("flag"),
        "distanceSinceLastNode": Field("number"),
        "actionStates": Field("list", "123", inside=_ACTION_STATE),
        "instantActionStates": Field("list", "3", inside=_ACTION_STATE),
        "zoneActionStates": Field("list", inside=_ACTION_STATE),
        "batteryState": Field("object", "12", inside=_BATTERY),
        "powerSupply": Field("object", "3", inside=_BATTERY),
        "operatingMode": Field("text", "123", _MODES),
        "errors": Field("list", "123", inside=_ERROR),
        "information": Field("list", inside={"infoType": Field("text", "123"), "infoLevel": Field("text", "123")}),
        "safetyState": Field("object", "123", inside=_SAFETY),
        "maps": Field("list", inside={**_each("text", "23", "mapId mapVersion"), "mapStatus": _MAP_STATUS}),
        "zoneSets": Field("list", inside={**_each("text", "3", "zoneSetId mapId"), "zoneSetStatus": _MAP_STATUS}),
        "zoneRequests": Field("list", inside={**_each("text", "3", "requestId requestType zoneId zoneSetId"),
                                              "requestStatus": _REQUEST_STATUS}),
        "edgeRequests": Field("list", inside={**_each("text", "3", "requestId requestType edgeId"),
                                              "sequenceId": Field("int", "3"), "requestStatus": _REQUEST_STATUS}),
    },
    "order": {
        **_HEADER,
        "orderId": Field("text", "123"),
        "orderUpdateId": Field("int", "123", low=0),
        "nodes": Field("list", "123", inside={**_NODE_STATE, "actions": Field("list", "123", inside=_ACTION)}),
        "edges": Field("list", "123", inside={**_EDGE_STATE, "startNodeId": Field("text", "12"),
                                              "endNodeId": Field("text", "12"),
                                              "actions": Field("list", "123", inside=_ACTION)}),
    },
    "instantActions": {
        **_HEADER,
        "actions": Field("list", "123", inside=_ACTION),
    },
    "factsheet": {
        **{name: Field(one.type, "3" if name in ("headerId", "timestamp") else "23", low=one.low)
           for name, one in _HEADER.items()},
        "typeSpecification": Field("object", "23", inside={
            **_each("text", "23", "seriesName"),
            **_each("text", "2", "agvKinematic agvClass"),
            **_each("text", "3", "mobileRobotKinematics mobileRobotClass"),
            **_each("number", "2", "maxLoadMass"),
            **_each("number", "3", "maximumLoadMass"),
            **_each("list", "23", "localizationTypes navigationTypes"),
        }),
        "physicalParameters": Field("object", "23", inside={
            **_each("number", "23", "width length"),
            **_each("number", "2", "speedMin speedMax accelerationMax decelerationMax heightMax"),
            **_each("number", "3", "minimumSpeed maximumSpeed maximumAcceleration maximumDeceleration minimumHeight"
                                   " maximumHeight"),
        }),
        "protocolLimits": Field("object", "23"),
        "protocolFeatures": Field("object", "23"),
        "agvGeometry": Field("object", "2"),
        "mobileRobotGeometry": Field("object", "3"),
        "loadSpecification": Field("object", "23"),
    },
    "responses": {
        **_HEADER,
        "responses": Field("list", "3", inside={
            "requestId": Field("text", "3"),
            "grantType": Field("text", "3", _words("GRANTED QUEUED REVOKED REJECTED")),
        }),
    },
    "zoneSet": {**_HEADER, "zoneSet": Field("object", "3")},
}  # fmt: skip
"""Field tables by topic."""
_LATER_WORDS = {
    "actionStatus": _words("RETRIABLE"),
    "errorLevel": _words("URGENT CRITICAL"),
    "connectionState": _words("CONNECTION_BROKEN HIBERNATING"),
    "operatingMode": _words("TEACH_IN STARTUP INTERVENED"),
    "blockingType": _words("SINGLE"),
}
"""Words of an enumeration that came with 3.0."""
_GONE_WORDS = {"connectionState": _words("CONNECTIONBROKEN"), "operatingMode": _words("TEACHIN")}
"""Words that 3.0 no longer has."""
_NEWEST = "3"


def is_valid(topic: str, major: str, payload: bytes) -> bool:
    """Whether a message (valid JSON) keeps to its version's field tables: told in microseconds, and not why not."""
    try:
        _typed(topic, major).decode(payload)
    except (msgspec.ValidationError, RecursionError):
        return False
    return True


@cache
def _typed(topic: str, major: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_struct(topic, MESSAGES[topic], major))


def _struct(name: str, fields: Mapping[str, Field], major: str) -> Any:
    required, optional = [], []
    for key, rule in fields.items():
        if major in rule.required:
            required.append((key, type_of(key, rule, major)))
        else:
            optional.append((key, type_of(key, rule, major) | None, None))
    return msgspec.defstruct(name, [*required, *optional], kw_only=True)


def type_of(name: str, rule: Field, major: str) -> Any:
    """What msgspec reads a field as that keeps to its rule."""
    if rule.type == "list":
        return list[_struct(name, rule.inside, major)] if rule.inside else list[Any]  # type: ignore[misc]
    if rule.type == "object":
        return _struct(name, rule.inside, major) if rule.inside else dict[str, Any]
    if rule.words:
        return Literal[tuple(sorted(word for word in rule.words if not _wrong_word(name, word, major)))]
    plain: Any = {"text": str, "int": int, "number": float, "flag": bool}.get(rule.type)
    if plain is None:
        return str | int | float | bool | list[Any] | dict[str, Any]
    if rule.low is None and rule.high is None:
        return plain
    return Annotated[plain, msgspec.Meta(ge=rule.low, le=rule.high)]


def faults(topic: str, major: str, body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where a message breaks its version's field tables: (rule, detail), at most `MAX_FAULTS`.

    A rule is ``topic.path.what`` with what = required, type, enum or range; lists are ``[]``.
    """
    found: list[tuple[str, str]] = []
    _walk(MESSAGES[topic], body, topic, major, found)
    return found[:MAX_FAULTS]


def _walk(
    fields: Mapping[str, Field], body: Mapping[str, Any], path: str, major: str, found: list[tuple[str, str]]
) -> None:
    for name, rule in fields.items():
        value = body.get(name)
        if value is not None:
            _look(rule, name, value, f"{path}.{name}", major, found)
        elif major in rule.required:
            found.append((f"{path}.{name}.required", "missing" if name not in body else "null"))
        if len(found) >= MAX_FAULTS:
            return


def _look(rule: Field, name: str, value: Any, path: str, major: str, found: list[tuple[str, str]]) -> None:  # noqa: PLR0913
    kind = type(value)
    if kind not in _TYPES[rule.type]:
        found.append((f"{path}.type", f"{kind.__name__} where {rule.type} belongs"))
    elif kind is str:
        if rule.words and (value not in rule.words or _wrong_word(name, value, major)):
            found.append((f"{path}.enum", f"{value[:80]!r}"))
    elif kind is list:
        for item in value[:MAX_CHECKED] if rule.inside else ():
            if type(item) is dict:
                _walk(rule.inside, item, f"{path}[]", major, found)
            else:
                found.append((f"{path}[].type", f"{type(item).__name__} where object belongs"))
    elif kind is dict:
        _walk(rule.inside, value, path, major, found)
    elif (rule.low is not None and value < rule.low) or (rule.high is not None and value > rule.high):
        found.append((f"{path}.range", f"{value}"[:80]))


def _wrong_word(name: str, word: str, major: str) -> bool:
    return word in (_GONE_WORDS if major == _NEWEST else _LATER_WORDS).get(name, ())
