"""F19: the table of hostile inputs, over a real broker into a whole process, and a good device beside them."""

from __future__ import annotations

import base64
import json
import tomllib
from pathlib import Path

import paho.mqtt.client as paho
from rig import Rig, wait_for

TABLE = tomllib.loads((Path(__file__).resolve().parents[1] / "data/hostile.toml").read_text(encoding="utf-8"))


def _toml(value) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(item)}" for name, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def sources() -> str:
    """A source for each dialect of the table; the second level of a topic is the dialect, the third the case."""
    told = []
    for name, table in TABLE["dialects"].items():
        options = {
            **table["options"],
            "topic": f"h/{name}/{{case}}/{table['options']['topic']}",
            "asset": "{case}/{asset}",
        }
        told.append(
            f'[[source]]\nname = "{name}"\ntopics = ["h/{name}/#"]\ndecoder = "{table["decoder"]}"\n'
            f"options = {_toml(options)}\n"
        )
    return "".join(told)


def _cases(broker: str):
    """(case, row, topic, payloads before, payload) of what a broker passes on and a line of TOML can hold."""
    for place, row in enumerate(TABLE["input"]):
        dialect = row["dialect"]
        plain = row.get("topic", TABLE["dialects"][dialect]["topic"])
        if "make" in row or "make_before" in row or "make_topic" in row or row.get("retain") or not plain.isprintable():
            continue
        if broker == "embedded" and (" " in plain or "//" in plain):
            continue  # NATS refuses the client, and the Connections page says so
        case = f"c{place}"
        payload = base64.b64decode(row["base64"]) if "base64" in row else row["payload"].encode()
        before = [told.encode() for told in row.get("before", [])]
        yield case, row, f"h/{dialect}/{case}/{plain}", before, payload


def hostile_inputs(rig: Rig, total: int, rate_hz: float) -> None:
    """Everything that the table holds, twice, while a good device goes on."""
    rig.device(total, rate_hz)
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, "hostile", protocol=paho.MQTTv311)
    client.connect("127.0.0.1", rig.broker.port)
    client.loop_start()
    cases = list(_cases(rig.broker.kind))
    sent = 0
    for case in cases:
        for payload in (*case[3], case[4]):
            client.publish(case[2], payload, 1).wait_for_publish(10)
            sent += 1

    def received() -> int:
        terms = rig.history.by_source()
        return sum(terms.get(name, {}).get("received", 0) for name in TABLE["dialects"])

    wait_for(lambda: received() >= sent, "every hostile input")
    client.disconnect()
    client.loop_stop()
    rig.settle()
    wrong = [f"{case} {row['what']}: {told}" for case, row, *_ in cases if (told := _wrong(rig, case, row))]
    assert not wrong, "\n".join(wrong)
    assert len(cases) > 70


def _wrong(rig: Rig, case: str, row) -> str:
    """What did not come out as the table says, or nothing."""
    word, _, what = row["expect"].partition(" ")
    dialect = row["dialect"]
    letters = [
        letter.reason
        for letter in rig.history.dead_letters(source=dialect, limit=10_000)
        if f"/{case}/" in letter.topic or letter.topic.startswith(f"{case}/")
    ]
    if word == "rejected":
        return "" if letters == [what] else f"{what} was due, it is {letters}"
    if word == "conflict":
        return "" if letters == ["key_conflict"] else f"a conflict was due, it is {letters}"
    qualities = {
        quality
        for stream in rig.history.streams().values()
        if stream.asset.startswith(f"{case}/")
        for quality in rig.history.frames(stream.id, 0, 2**62).quality.tolist()
    }
    if word == "stored" and int(what) not in qualities:
        return f"quality {what} was due, there is {qualities}; letters {letters}"
    return f"no dead letter was due, there is {letters}" if letters else ""
