"""Hostile input: each case of the table ends as it says, and then the twin works on as if nothing had been."""

from __future__ import annotations

import base64
import gc
import json
import logging
import tomllib
import tracemalloc
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from connectors.ingest import decoding as decoding_module
from connectors.ingest import pipeline as pipeline_module
from connectors.ingest.complaints import QUIET_S, Complaints, printable
from connectors.ingest.decoding import Decoding
from connectors.ingest.pipeline import Pipeline
from connectors.ingest.queue import DeliveryQueue
from connectors.plugins import make_decoder
from connectors.stores.memory import MemoryStore
from connectors.stores.sql import open_history, open_store
from twin.clock import NS_PER_S, ManualClock
from twin.config import IngestConfig
from twin.keyframes import resume, verify
from twin.message import Message
from twin.ports import Delivery
from twin.site import Hub, Name

ROOT = Path(__file__).resolve().parents[2]
TABLE = tomllib.loads((ROOT / "tests/data/hostile.toml").read_text(encoding="utf-8"))
INPUTS = TABLE["input"]
HUB = Hub("hub", Name("h", "h"), ())
T0 = 1_795_328_000 * NS_PER_S
MAX_SIGNALS = 50
GOOD = 100
HELD_BYTES = 8_000_000
"""What may stay in memory after an input and 100 good messages: a dead letter's 64 KB and the stored frames."""


def counted(x):
    return b'{"ts": 1795328000000, "n": 1, ' + x + b"}"


MAKE = {
    "long_integer": lambda: counted(b'"x": ' + b"9" * 5000),
    "deep_100000": lambda: b'{"a":' * 100_000,
    "deep_2000": lambda: b"[" * 2000,
    "ten_megabytes": lambda: counted(b'"x": "' + b"a" * 10_000_000 + b'"'),
    "ten_megabyte_word": lambda: b"a" * 10_000_000,
    "utf16": lambda: counted(b'"x": 1').decode().encode("utf-16"),
    "utf16_le": lambda: counted(b'"x": 1').decode().encode("utf-16-le"),
    "utf16_word": lambda: "AUTO".encode("utf-16"),
    "fields_1025": lambda: counted(b", ".join(b'"f%d": 1' % i for i in range(1025))),
    "fields_100000": lambda: b"{" + b",".join(b'"%x":1' % i for i in range(100_000)) + b"}",
}
TOPICS = {"long_topic": lambda: "one/" + "a" * 65_000 + "/x"}
BEFORE = {
    "names_without_end": lambda: [("plant/ur3/data", b'{"f%d": 1}' % i) for i in range(200)],
    "assets_without_end": lambda: [(f"one/asset{i}/x", b"1") for i in range(200)],
}


class Silent:
    """A source that takes acknowledgements and counts them."""

    connected = True

    def __init__(self, name):
        self.name = name
        self.acknowledged = 0

    def start(self, deliver, report):
        pass

    def hold(self):
        pass

    def resume(self):
        pass

    def acknowledge(self, receipts):
        self.acknowledged += len(receipts)

    def stop(self):
        pass


class Plant:
    """The real pipeline over a store, with two sources: the one under attack, and a good one."""

    def __init__(self, dialect, store, history):
        table = TABLE["dialects"][dialect]
        self.store, self.history = store, history
        decoders = {
            "hostile": make_decoder(table["decoder"], table["options"], "hostile", HUB),
            "good": make_decoder("json_object", {"topic": "good/{asset}/{stream}", "time": "ts", "seq": "n"}, "good", HUB),
        }  # fmt: skip
        self.sources = {name: Silent(name) for name in decoders}
        self.queue = DeliveryQueue(5000)
        mirror, keyframes = resume(history, "ingest")
        self.pipeline = Pipeline(
            IngestConfig(), self.queue, Decoding(decoders, 60.0, MAX_SIGNALS), mirror, keyframes, store, self.sources,
            ManualClock(T0 + 3 * NS_PER_S),
        )  # fmt: skip

    def send(self, source, topic, payload, *, retain=False):
        assert self.queue.put([Delivery(source, Message(topic, payload, T0 + 3 * NS_PER_S, 1, retain))])

    def drain(self):
        while len(self.queue):
            self.pipeline.step(0.0)

    def terms(self, source):
        return self.history.by_source()[source]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(pipeline_module, "LINGER_S", 0.0)


def earlier(row):
    if "make_before" in row:
        return BEFORE[row["make_before"]]()
    topic = TABLE["dialects"][row["dialect"]]["topic"]
    return [(topic, payload.encode()) for payload in row.get("before", [])]


@cache
def made(name):
    return MAKE[name]()


def attack(row):
    topic = TOPICS[row["make_topic"]]() if "make_topic" in row else row.get("topic")
    if "make" in row:
        payload = made(row["make"])
    else:
        payload = base64.b64decode(row["base64"]) if "base64" in row else row["payload"].encode()
    return topic or TABLE["dialects"][row["dialect"]]["topic"], payload


def difference(after, before):
    """What one message changed in the counts of its source."""
    told = Counter()
    for name in ("received", "decoded", "decoded_frames", "stored", "duplicate", "key_conflict"):
        told[name] = after[name] - before.get(name, 0)
    for name in ("handled", "rejected"):
        for reason, number in after[name].items():
            told[name, reason] = number - before.get(name, {}).get(reason, 0)
    return +told


def outcome(expect):
    word, _, what = expect.partition(" ")
    if word in ("rejected", "handled"):
        return {"received": 1, (word, what): 1}
    kept = {"stored": "stored", "duplicate": "duplicate", "conflict": "key_conflict"}[word]
    return {"received": 1, "decoded": 1, "decoded_frames": 1, kept: 1}


def equations_hold(history):
    for terms in history.by_source().values():
        assert terms["received"] == terms["decoded"] + sum(terms["handled"].values()) + sum(terms["rejected"].values())
        assert terms["decoded_frames"] == terms["stored"] + terms["duplicate"] + terms["key_conflict"]


def play(row, plant):
    for topic, payload in earlier(row):
        plant.send("hostile", topic, payload)
    plant.drain()
    before = plant.history.by_source().get("hostile", {})
    streams = set(plant.history.streams().values())
    topic, payload = attack(row)
    plant.send("hostile", topic, payload, retain=row.get("retain", False))
    plant.drain()
    assert difference(plant.terms("hostile"), before) == outcome(row["expect"])
    if row["expect"].startswith("stored"):
        qualities = Counter()
        for stream in plant.history.streams().values():
            if stream.source == "hostile":
                qualities.update(plant.history.frames(stream.id, 0, 2**62).quality.tolist())
        assert qualities[int(row["expect"].split()[1])] >= 1
    elif row["expect"].startswith("rejected"):
        assert {s for s in plant.history.streams().values() if s.source == "hostile"} <= streams
        letter = plant.history.dead_letters(source="hostile", limit=1)[0]
        assert payload.startswith(letter.payload)
        assert len(letter.payload) <= 64 * 1024
    for n in range(GOOD):
        plant.send("good", "good/pump/data", b'{"ts": %d, "n": %d, "x": %d.5}' % (T0 // 10**6 + n, n, n))
    plant.drain()
    assert plant.terms("good")["stored"] == GOOD
    assert plant.sources["hostile"].acknowledged == plant.terms("hostile")["received"]
    assert plant.sources["good"].acknowledged == GOOD
    equations_hold(plant.history)
    assert verify(plant.history).mismatches == ()


def id_of(row):
    return f"{row['case']}-{row['what'].replace(' ', '-')}"


@pytest.mark.parametrize("row", INPUTS, ids=id_of)
def test_a_hostile_input_ends_as_told_and_a_hundred_good_messages_are_stored_after_it(row):
    store = MemoryStore()
    play(row, Plant(row["dialect"], store, store))


@pytest.mark.parametrize("row", [row for row in INPUTS if "make" in row or "make_before" in row], ids=id_of)
def test_what_is_huge_does_not_stay_in_memory(row):
    attack(row)
    gc.collect()
    tracemalloc.start()
    try:
        store = MemoryStore()
        plant = Plant(row["dialect"], store, store)
        play(row, plant)
        gc.collect()
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < HELD_BYTES
    assert peak < HELD_BYTES + 60 * len(attack(row)[1])


def test_all_hostile_inputs_one_after_another_in_one_file_leave_every_table_whole(tmp_path):
    url = f"sqlite:///{tmp_path}/twin.db"
    store = open_store(url)
    history = open_history(url)
    rows = {f"{row['case']} {row['what']}": row for row in INPUTS if "make_before" not in row}
    decoders = {}
    for place, (name, row) in enumerate(rows.items()):
        table = TABLE["dialects"][row["dialect"]]
        options = {**table["options"], "asset": f"case{place}/{{asset}}"}
        decoders[name] = make_decoder(table["decoder"], options, name, HUB)
    mirror, keyframes = resume(history, "ingest")
    queue = DeliveryQueue(5000)
    pipeline = Pipeline(
        IngestConfig(), queue, Decoding(decoders, 60.0, 5000), mirror, keyframes, store,
        {name: Silent(name) for name in decoders}, ManualClock(T0 + 3 * NS_PER_S),
    )  # fmt: skip
    for name, row in rows.items():
        for topic, payload in [*earlier(row), attack(row)]:
            retain = row.get("retain", False)
            queue.put([Delivery(name, Message(topic, payload, T0 + 3 * NS_PER_S, 1, retain))])
    while len(queue):
        pipeline.step(0.0)
    told = history.by_source()
    for name, row in rows.items():
        for key, number in outcome(row["expect"]).items():
            count = told[name][key[0]].get(key[1], 0) if isinstance(key, tuple) else told[name][key]
            assert count >= number, (name, key)
    equations_hold(history)
    assert verify(history).mismatches == ()
    history.close()
    store.close()


def test_every_case_of_the_table_is_fed_tested_elsewhere_or_waits_for_its_feature():
    fed = {row["case"] for row in INPUTS}
    elsewhere, later = ({int(case) for case in TABLE[part]} for part in ("elsewhere", "later"))
    assert fed | elsewhere | later == set(range(1, 85))
    assert not later & (fed | elsewhere)
    assert all(TABLE["later"].values())
    for place in TABLE["elsewhere"].values():
        path, _, test = place.partition("::")
        assert f"def {test}" in (ROOT / path).read_text(encoding="utf-8")


def test_names_of_every_script_come_out_as_they_are_and_others_percent_encoded():
    store = MemoryStore()
    plant = Plant("one", store, store)
    for topic in ("one/pumpe\u0301/x", "one/pump\u00e9/x", "one/펌프/x", "one/a\u202eb/x", "one/PUMP\u00c9/x"):
        plant.send("hostile", topic, b"1")
    plant.drain()
    ids = {stream.asset for stream in store.streams().values() if stream.source == "hostile"}
    assert ids == {"pump\u00e9", "펌프", "a%E2%80%AEb", "PUMP\u00c9"}


def test_a_leap_second_is_the_last_millisecond_of_its_day():
    store = MemoryStore()
    plant = Plant("iso", store, store)
    plant.send("hostile", "plant/ur3/data", b'{"ts": "2016-12-31T23:59:60Z", "x": 1}')
    plant.drain()
    assert store.frames("ur3:data", 0, 2**62).t_ns.tolist() == [1_483_228_799_999 * 10**6]


def test_live_values_go_by_the_count_whatever_the_clock_does():
    store = MemoryStore()
    plant = Plant("counted", store, store)
    for n, t_ms, x in (
        (1, T0 // 10**6, 1.0),
        (2, T0 // 10**6 - 36_000, 2.0),
        (1 + 0, T0 // 10**6 - 5 * 86_400_000, 9.0),
    ):
        plant.send("hostile", "plant/ur3/data", json.dumps({"ts": t_ms, "n": n, "x": x}).encode())
    plant.drain()
    assert store.latest()["ur3:data"].values.tolist() == [2.0]


def test_a_jump_of_the_count_that_goes_on_is_a_new_session():
    store = MemoryStore()
    plant = Plant("counted", store, store)
    for i, n in enumerate((1, 2, 4_000_000_000, 4_000_000_001, 4_000_000_002)):
        plant.send("hostile", "plant/ur3/data", b'{"ts": %d, "n": %d, "x": 1}' % (T0 // 10**6 + i, n))
    plant.drain()
    assert plant.terms("hostile")["rejected"] == {"seq_jump": 1}
    epochs = [divmod(seq, 1 << 40) for seq in store.frames("ur3:data", 0, 2**62).seq.tolist()]
    assert epochs == [(0, 1), (0, 2), (1, 4_000_000_001), (1, 4_000_000_002)]


def test_a_long_outage_is_no_jump():
    store = MemoryStore()
    plant = Plant("counted", store, store)
    for t_ms, n in ((T0 // 10**6 - 3_600_000, 1), (T0 // 10**6, 3_600_001)):
        plant.send("hostile", "plant/ur3/data", b'{"ts": %d, "n": %d, "x": 1}' % (t_ms, n))
    plant.drain()
    assert plant.terms("hostile")["rejected"] == {}


def test_a_source_complains_once_in_ten_seconds_for_each_reason(caplog):
    now_s = [0.0]
    complaints = Complaints(logging.getLogger("complaints"), lambda: now_s[0])
    for _ in range(5):
        complaints.tell("a", "empty", "x")
        complaints.tell("b", "empty", "x")
    now_s[0] = QUIET_S
    complaints.tell("a", "empty", "y")
    assert [record.getMessage() for record in caplog.records] == [
        "a: empty: x", "b: empty: x", "a: empty: y (4 suppressed)",
    ]  # fmt: skip


def test_a_flood_of_bad_messages_is_one_line_in_the_log(caplog):
    store = MemoryStore()
    plant = Plant("counted", store, store)
    for _ in range(500):
        plant.send("hostile", "plant/ur3/data", b"{")
    plant.drain()
    assert [record.name for record in caplog.records] == [decoding_module.__name__]
    assert plant.terms("hostile")["rejected"] == {"json_syntax": 500}


def test_a_name_cannot_write_a_line_of_its_own_into_the_log(caplog):
    store = MemoryStore()
    plant = Plant("counted", store, store)
    plant.send("hostile", "nowhere\r\n2026 ERROR all is lost\x1b[31m", b"1")
    plant.drain()
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.isprintable()
    assert "all is lost" in line
    assert printable("펌프\r\n\x1b[31m\u202e") == "펌프\\r\\n\\x1b[31m\\u202e"
    assert len(printable("x" * 10_000)) < 400
