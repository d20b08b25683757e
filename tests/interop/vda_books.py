"""What the ledger of a VDA 5050 client says must be stored, read from the JSON that it sent and the tables of the docs.

Nothing of the decoder is used here.
"""

from __future__ import annotations

import json
import math
from datetime import datetime
from itertools import pairwise
from typing import Any

from twin.events import EventKind

ENDED = ("FINISHED", "FAILED")
MODES = {"AUTOMATIC": "Production", "SEMIAUTOMATIC": "Production", "MANUAL": "Manual", "SERVICE": "Maintenance"}
COUNT_BITS = 40


def ns_of(body: dict[str, Any]) -> int:
    """The header's time."""
    told = datetime.fromisoformat(body["timestamp"])
    return round(told.timestamp() * 1000) * 1_000_000


def sent(ledger: list[dict[str, Any]], topic: str) -> list[dict[str, Any]]:
    return [row["body"] for row in ledger if row.get("sent") == topic]


def saw(ledger: list[dict[str, Any]], topic: str) -> list[dict[str, Any]]:
    return [row["body"] for row in ledger if row.get("saw") == topic]


def unit_state(body: dict[str, Any]) -> str:
    """By the table of the dialect's page, for what these clients can say."""
    levels = {error["errorLevel"] for error in body["errors"]}
    states = [action["actionStatus"] for action in body["actionStates"]]
    if body["safetyState"]["eStop"] != "NONE" or "FATAL" in levels:
        return "Aborted"
    if body.get("paused"):
        return "Held"
    if body["driving"] or {"INITIALIZING", "RUNNING"} & set(states):
        return "Execute"
    waits = body["nodeStates"] or body["edgeStates"] or any(one not in ENDED for one in states)
    return "Suspended" if waits else "Idle"


def state_values(body: dict[str, Any]) -> dict[str, Any]:
    """The signals of ``state``: numbers as told, charges as ratios, lists read."""
    position, velocity = body.get("agvPosition", {}), body.get("velocity", {})
    battery, safety, loads = body["batteryState"], body["safetyState"], body.get("loads")
    health = battery.get("batteryHealth")
    weights = [load["weight"] for load in loads or () if "weight" in load]
    actions = [
        [one["actionId"], one.get("actionType", ""), one["actionStatus"], one.get("resultDescription", "")]
        for one in body["actionStates"]
    ]
    numbers = {
        "vx": velocity.get("vx"), "vy": velocity.get("vy"), "omega": velocity.get("omega"),
        "localized": position.get("positionInitialized"), "localization_score": position.get("localizationScore"),
        "deviation": position.get("deviationRange"),
        "battery": battery["batteryCharge"] / 100, "battery_voltage": battery.get("batteryVoltage"),
        "battery_current": None, "battery_health": None if health is None else health / 100,
        "charging": battery["charging"], "range": battery.get("reach"),
        "driving": body["driving"], "paused": body.get("paused"), "field_violation": safety["fieldViolation"],
        "new_base_request": body.get("newBaseRequest"), "distance_since_last_node": body.get("distanceSinceLastNode"),
        "last_node_sequence": body["lastNodeSequenceId"], "order_update_id": body["orderUpdateId"],
        "loads": None if loads is None else len(loads), "load": sum(weights) if weights or loads == [] else None,
        "errors": len(body["errors"]),
    }  # fmt: skip
    return {
        **{name: None if value is None else float(value) for name, value in numbers.items()},
        "state": unit_state(body), "mode": MODES[body["operatingMode"]], "operating_mode": body["operatingMode"],
        "e_stop": safety["eStop"], "task": body["orderId"] or None, "last_node": body["lastNodeId"] or None,
        "map_id": position.get("mapId"), "zone_set": body.get("zoneSetId"),
        "actions": actions or None, "error_list": [[error_key(one), error_told(one)] for one in body["errors"]] or None,
    }  # fmt: skip


def visualization_values(body: dict[str, Any]) -> dict[str, Any]:
    position, velocity = body.get("agvPosition", {}), body.get("velocity", {})
    numbers = {
        "vx": velocity.get("vx"), "vy": velocity.get("vy"), "omega": velocity.get("omega"),
        "localized": position.get("positionInitialized"), "localization_score": position.get("localizationScore"),
        "deviation": position.get("deviationRange"),
    }  # fmt: skip
    told = {name: None if value is None else float(value) for name, value in numbers.items()}
    return {**told, "map_id": position.get("mapId")}


def pose_values(body: dict[str, Any]) -> dict[str, Any]:
    position, velocity = body["agvPosition"], body.get("velocity", {})
    known = {"vx", "vy"} & velocity.keys()
    speed = math.hypot(velocity.get("vx", 0.0), velocity.get("vy", 0.0)) if known else None
    return {"x": float(position["x"]), "y": float(position["y"]), "yaw": float(position["theta"]), "speed": speed}


def order_values(body: dict[str, Any]) -> dict[str, Any]:
    known = places([body])
    base, horizon = lines(body["nodes"], None, known)
    return {
        "order_update_id": float(body["orderUpdateId"]), "nodes": float(len(body["nodes"])),
        "released_nodes": float(sum(node["released"] for node in body["nodes"])), "order_id": body["orderId"],
        "route_base": base, "route_horizon": horizon,
    }  # fmt: skip


def instant_values(body: dict[str, Any]) -> dict[str, Any]:
    actions = body.get("instantActions", body.get("actions"))
    rows = [[one["actionId"], one["actionType"], one["blockingType"]] for one in actions]
    return {"count": float(len(rows)), "actions": rows}


def places(orders: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Where the nodes of these orders are."""
    nodes = [node for order in orders for node in order["nodes"] if "nodePosition" in node]
    return {node["nodeId"]: [node["nodePosition"]["x"], node["nodePosition"]["y"]] for node in nodes}


def lines(nodes: list[dict[str, Any]], start: list[float] | None, known: dict[str, list[float]]) -> list[Any]:
    """[base, horizon]: each a line through its nodes, beginning at the last node, and where the base ends."""
    found: list[Any] = []
    for released in (True, False):
        names = [node["nodeId"] for node in nodes if node["released"] is released]
        line = [] if start is None else [start]
        for name in names:
            if name in known and (not line or line[-1] != known[name]):
                line.append(known[name])
        found.append({"nodes": names, "line": line} if names else None)
        start = line[-1] if line else None
    return found


def route_values(states: list[dict[str, Any]], known: dict[str, list[float]]) -> list[dict[str, Any]]:
    """The rows of ``route``: one for each state whose lines are not those of the one before."""
    rows: list[dict[str, Any]] = []
    before: list[Any] = []
    for body in states:
        ahead = lines(body["nodeStates"], known.get(body["lastNodeId"]), known)
        if ahead != before:
            told = {"order_update_id": float(body["orderUpdateId"]), "order_id": body["orderId"] or None}
            rows.append({"t_ns": ns_of(body), **told, "route_base": ahead[0], "route_horizon": ahead[1],
                         "route_path": None})  # fmt: skip
        before = ahead
    return rows


def error_key(error: dict[str, Any]) -> str:
    """What kind of error: on whatever order and node it is told of."""
    return f"{error['errorLevel']} {error['errorType']}"


def error_told(error: dict[str, Any]) -> str:
    """Its description and what it refers to."""
    told = ",".join(f"{one['referenceKey']}={one['referenceValue']}" for one in error.get("errorReferences", ()))
    description = str(error.get("errorDescription", ""))
    return f"{description} ({told})".strip() if told else description


def _order_of(body: dict[str, Any]) -> str:
    return f"{body['orderId']}/{body['orderUpdateId']}" if body["orderId"] else ""


def events(states: list[dict[str, Any]]) -> list[tuple[EventKind, int, str, str, str]]:
    """(kind, time, signal, before, after) of every change between two states, in any order within one."""
    found = []
    nothing: dict[str, Any] = {"orderId": "", "actionStates": [], "errors": []}
    for old, new in pairwise([nothing, *states]):
        t_ns = ns_of(new)
        if _order_of(old) != _order_of(new):
            found.append((EventKind.ORDER_CHANGED, t_ns, "order", _order_of(old), _order_of(new)))
        was = {one["actionId"]: one["actionStatus"] for one in old["actionStates"]}
        now = {one["actionId"]: one["actionStatus"] for one in new["actionStates"]}
        found += [
            (EventKind.ACTION_CHANGED, t_ns, action, was.get(action, ""), now.get(action, ""))
            for action in was.keys() | now.keys()
            if was.get(action, "") != now.get(action, "") and (action in now or was[action] not in ENDED)
        ]
        errors_were = {error_key(one) for one in old["errors"]}
        errors_are = {error_key(one): error_told(one) for one in new["errors"]}
        found += [(EventKind.ERROR_RAISED, t_ns, key, "", errors_are[key]) for key in errors_are.keys() - errors_were]
        found += [(EventKind.ERROR_CLEARED, t_ns, key, key, "") for key in errors_were - errors_are.keys()]
    return found


def read_lists(row: dict[str, Any], *names: str) -> dict[str, Any]:
    """A stored row with its JSON texts read."""
    return {**row, **{name: json.loads(row[name]) for name in names if row[name] is not None}}
