"""What must hold of every run, whatever spoke: the sums, the fold, and what a page needs to know of the run."""

from __future__ import annotations

import base64
import json
import math
import os
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from stage import FAR_NS, Client, Stage, wait_for

from twin.events import EventKind
from twin.keyframes import verify

ROWS = "INTEROP_ROWS"
"""The environment variable with the folder where each run leaves its row; see `report`."""


OWN_STREAMS = ("liveness", "messages")
"""Streams of a device that the twin makes."""


class Value(NamedTuple):
    """One stored value. ``signal`` is the device's own name; None is absent."""

    asset: str
    signal: str
    t_ns: int
    value: float | str | None


def rows_of(stage: Stage, stream_id: str) -> list[dict[str, object]]:
    """The frames of a stream: ``t_ns``, ``seq``, ``quality``, and a value for each signal (None is absent)."""
    known = {stream.id: stream for stream in stage.history.streams().values()}
    if stream_id not in known:
        return []
    stream = known[stream_id]
    found = stage.history.frames(stream_id, 0, FAR_NS)
    rows: list[dict[str, object]] = []
    for row in range(len(found)):
        told: dict[str, object] = {
            "t_ns": int(found.t_ns[row]), "seq": int(found.seq[row]), "quality": int(found.quality[row]),
            "received_ns": int(found.received_ns[row]),
        }  # fmt: skip
        for signal, value in zip(stream.columns, found.values[row].tolist(), strict=True):
            told[signal.name] = None if math.isnan(value) else value
        for signal, text in zip(stream.text_columns, found.texts[row] if found.texts else (), strict=True):
            told[signal.name] = text
        rows.append(told)
    return rows


def values_of(stage: Stage, *, leave: tuple[str, ...] = OWN_STREAMS) -> Counter[Value]:
    """Every value stored of the source, but those of the streams that the twin makes itself (``leave``)."""
    found: Counter[Value] = Counter()
    for stream in stage.history.streams().values():
        if stream.source != "line" or stream.name in leave:
            continue
        names = {signal.name: signal.source_name or signal.name for signal in stream.signals}
        for row in rows_of(stage, stream.id):
            found.update(Value(stream.asset, names[name], row["t_ns"], row[name]) for name in names)
    return found


def differences(published: Counter[Value], stored: Counter[Value]) -> str:
    """What is missing and what nobody published, the first few of each; "" where both are the same."""
    missing, unasked = published - stored, stored - published
    lines = [f"{missing.total()} published and not stored, {unasked.total()} stored and not published"]
    lines += [f"  not stored: {one} x{count}" for one, count in sorted(missing.items(), key=str)[:12]]
    lines += [f"  not published: {one} x{count}" for one, count in sorted(unasked.items(), key=str)[:12]]
    return "\n".join(lines) if missing or unasked else ""


def wait_received(stage: Stage) -> None:
    """Until all that the witness heard has become something, and nothing waits any more."""

    def is_done() -> bool:
        terms = stage.terms
        held = terms.get("handled", {}).get("held", 0)
        return terms.get("received", 0) >= len(stage.witness.of(stage.filter)) and held == 0

    wait_for(is_done, lambda: f"everything ({len(stage.witness.of(stage.filter))} heard, {stage.terms})\n{stage.log}")


def check_sums(stage: Stage, rejected: dict[str, int] | None = None) -> None:
    """Messages and frames balance, nothing else than ``rejected`` is a dead letter, and the store folds to what was live."""
    terms = stage.terms
    counted = terms["decoded"] + sum(terms["handled"].values()) + sum(terms["rejected"].values())
    assert terms["received"] == counted, terms
    assert terms["decoded_frames"] == terms["stored"] + terms["duplicate"] + terms["key_conflict"], terms
    assert (terms["duplicate"], terms["key_conflict"]) == (0, 0), terms
    assert terms["expected"] == terms["distinct"] + terms["gap"], terms
    letters = [(one.topic, one.reason, one.detail) for one in stage.history.dead_letters(source="line")]
    assert terms["rejected"] == (rejected or {}), letters
    assert terms["dead_letters"] == sum(terms["rejected"].values())
    assert verify(stage.history).mismatches == ()


def online(stage: Stage, path: str) -> bool | None:
    """What the live state says of a path: None where nothing was said."""
    latest = stage.history.latest().get(f"{path}:liveness")
    return None if latest is None else bool(latest.values[0])


def lost_ns(stage: Stage, path: str) -> int:
    """When the asset was lost last, by its event."""
    events = stage.history.events(0, FAR_NS, asset=path, kinds=[EventKind.ASSET_LOST])
    times = [event.t_ns for event in events if event.asset == path]
    assert times, f"{path} was never lost"
    return times[0]


def findings(stage: Stage) -> dict[tuple[str, str], int]:
    """(device, rule) → how often."""
    return {(one.device, one.rule): one.count for one in stage.history.findings(source="line")}


def capture(stage: Stage) -> None:
    """What the witness heard, as a capture file beside the store: a failing run can be decoded again without a client."""
    with (stage.folder / "capture.jsonl").open("w", encoding="utf-8") as out:
        for one in stage.witness.heard:
            row = {"ts": one.at_ns / 1e9, "topic": one.topic, "qos": one.qos, "retain": one.retain}
            out.write(json.dumps({**row, "payload_b64": base64.b64encode(one.payload).decode()}) + "\n")


def leave_row(stage: Stage, client: Client, scenario: str) -> None:
    """A row for `report`, where it asked for one."""
    folder = os.environ.get(ROWS)
    if not folder:
        return
    terms = stage.terms
    rules: Counter[str] = Counter()
    for (_, rule), count in findings(stage).items():
        rules[rule] += count
    row = {
        "client": client.party.name, "version": client.party.version, "registry": client.party.registry,
        "licence": client.party.licence, "scenario": scenario, "broker": stage.broker.kind,
        "messages": terms["received"], "handled": terms["handled"], "rejected": terms["rejected"],
        "samples": samples(stage), "gap": terms["gap"], "findings": dict(sorted(rules.items())),
    }  # fmt: skip
    name = re.sub("[^a-z0-9]+", "_", f"{client.party.name} {scenario}".lower())
    (Path(folder) / f"{name}.json").write_text(json.dumps(row, indent=1), encoding="utf-8")


def samples(stage: Stage) -> int:
    """How many values are stored of what devices said, without the streams that the twin makes itself."""
    told = {s.id for s in stage.history.streams().values() if s.source == "line" and s.name not in OWN_STREAMS}
    return sum(count.values for name, count in stage.history.by_stream().items() if name in told)
