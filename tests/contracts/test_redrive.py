"""Dead letters fed again, on every store: what is understood now is stored, and every sum still adds up."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import psycopg
import pytest
from terminal import twin

from connectors.factory_file import read_factory
from connectors.ingest.decoding import MAX_PAYLOAD_BYTES, Decoding
from connectors.ingest.pipeline import Pipeline
from connectors.ingest.queue import DeliveryQueue
from connectors.ingest.redrive import Redrive
from connectors.plugins import make_decoder
from connectors.stores.lock import writer_lock
from connectors.stores.memory import MemoryStore
from connectors.stores.sql import open_history, open_store
from twin.clock import NS_PER_MS, NS_PER_S, ManualClock
from twin.keyframes import resume, verify
from twin.message import Message
from twin.ports import Delivery

ROOT = Path(__file__).resolve().parents[2]
T0 = 1_795_328_000 * NS_PER_S
FILE = """
[hub]
id = "hub"
name = { ko = "허브", en = "Hub" }
[[site]]
id = "site"
name = { ko = "현장", en = "Site" }
timezone = "Asia/Seoul"
[store]
url = "sqlite:///twin.db"
[[source]]
name = "press"
topics = ["plant/#"]
decoder = "json_object"
[source.options]
topic = "plant/{asset}/{stream}"
time = "ts"
time_unit = "UNIT"
seq = "n"
"""


class Silent:
    name = "press"
    connected = True

    def hold(self):
        pass

    def resume(self):
        pass

    def acknowledge(self, receipts):
        pass


def factory_file(tmp_path, unit):
    path = tmp_path / "factory.toml"
    path.write_text(FILE.replace("UNIT", unit), encoding="utf-8")
    return path


def factory_of(tmp_path, unit):
    return read_factory(factory_file(tmp_path, unit), {})


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def opened(request, tmp_path):
    """(store, history) of an empty place of each kind."""
    if request.param == "memory":
        both = MemoryStore()
        yield both, both
        return
    url = f"sqlite:///{tmp_path}/twin.db"
    name = f"twin_redrive_{os.getpid()}"
    server = {"host": "127.0.0.1", "user": "root", "dbname": "postgres", "autocommit": True, "connect_timeout": 2}
    if request.param == "postgres":
        url = f"postgresql://root@127.0.0.1/{name}"
        try:
            with psycopg.connect(**server) as connection:
                connection.execute(f"CREATE DATABASE {name}")
        except psycopg.OperationalError:
            pytest.skip("no PostgreSQL server answers at 127.0.0.1:5432")
    store = open_store(url)
    history = open_history(url)
    yield store, history
    history.close()
    store.close()
    if request.param == "postgres":
        with psycopg.connect(**server) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def body(n, x=1.5):
    return json.dumps({"ts": T0 // NS_PER_MS + n, "n": n, "x": x}).encode()


def ingest(factory, store, history, payloads):
    source = factory.sources[0]
    decoder = make_decoder(source.decoder, source.options, source.name, factory.hub)
    queue = DeliveryQueue(5000)
    mirror, keyframes = resume(history, "ingest")
    pipeline = Pipeline(
        factory.ingest, queue, Decoding({"press": decoder}, 60.0, 5000), mirror, keyframes, store, {"press": Silent()},
        ManualClock(T0 + NS_PER_S),
    )  # fmt: skip
    for i, payload in enumerate(payloads):
        queue.put([Delivery("press", Message("plant/ur3/data", payload, T0 + i, 1))])
    while len(queue):
        pipeline.step(0.0)


def equations_hold(history):
    for terms in history.by_source().values():
        assert terms["received"] == terms["decoded"] + sum(terms["handled"].values()) + sum(terms["rejected"].values())
        assert terms["decoded_frames"] == terms["stored"] + terms["duplicate"] + terms["key_conflict"]
    assert sum(letter.count for letter in history.dead_letters(limit=9999)) == history.summary().dead_letters


def test_letters_of_a_wrong_unit_are_stored_when_the_unit_is_right(opened, tmp_path):
    store, history = opened
    huge = b'{"x": "' + b"a" * MAX_PAYLOAD_BYTES + b'"}'
    ingest(factory_of(tmp_path, "s"), store, history, [body(1), body(2), body(2), b"{", huge, body(3)])
    assert history.by_source()["press"]["rejected"] == {"ts_unit": 4, "json_syntax": 1, "too_large": 1}
    result = Redrive(factory_of(tmp_path, "ms"), store, history, ManualClock(T0 + 9 * NS_PER_S)).run()
    assert dataclasses.asdict(result) == {
        "letters": 3, "messages": 4, "frames": 3, "stored": 3, "duplicate": 0, "key_conflict": 0, "cut": 1,
        "no_message": 0, "no_source": 0, "refused": {"json_syntax": 1},
    }  # fmt: skip
    terms = history.by_source()["press"]
    assert (terms["received"], terms["decoded"], terms["redriven"], terms["stored"]) == (6, 4, 4, 3)
    assert terms["rejected"] == {"json_syntax": 1, "too_large": 1}
    frames = history.frames("ur3:data", 0, 2**62)
    assert frames.seq.tolist() == [1, 2, 3]
    assert frames.received_ns.tolist() == [T0, T0 + 1, T0 + 5]
    assert {letter.reason for letter in history.dead_letters()} == {"json_syntax", "too_large"}
    equations_hold(history)
    assert verify(history).mismatches == ()
    again = Redrive(factory_of(tmp_path, "ms"), store, history, ManualClock(T0 + 10 * NS_PER_S)).run()
    assert (again.letters, again.refused) == (0, {"json_syntax": 1})


def test_only_the_letters_asked_for_are_fed(opened, tmp_path):
    store, history = opened
    ingest(factory_of(tmp_path, "s"), store, history, [body(1), b"{"])
    redrive = Redrive(factory_of(tmp_path, "ms"), store, history, ManualClock(T0))
    assert redrive.run(reason="json_syntax").letters == 0
    assert redrive.run(source="another").letters == 0
    assert redrive.run(source="press", reason="ts_unit").letters == 1
    equations_hold(history)


def test_what_was_stored_meanwhile_is_a_duplicate_and_a_conflict_stays_a_letter(opened, tmp_path):
    store, history = opened
    ingest(factory_of(tmp_path, "s"), store, history, [body(1), body(2)])
    ingest(factory_of(tmp_path, "ms"), store, history, [body(1), body(2, 9.0)])
    result = Redrive(factory_of(tmp_path, "ms"), store, history, ManualClock(T0 + 9 * NS_PER_S)).run()
    assert (result.letters, result.stored, result.duplicate, result.key_conflict) == (2, 0, 1, 1)
    assert [letter.reason for letter in history.dead_letters()] == ["key_conflict"]
    equations_hold(history)
    assert Redrive(factory_of(tmp_path, "ms"), store, history, ManualClock(T0)).run().no_message == 1
    assert verify(history).mismatches == ()


def test_the_terminal_redrives_and_refuses_while_ingest_writes(tmp_path):
    url = f"sqlite:///{tmp_path}/twin.db"
    store, history = open_store(url), open_history(url)
    ingest(factory_of(tmp_path, "s"), store, history, [body(1), b"{"])
    store.close()
    file = factory_file(tmp_path, "ms")
    with writer_lock(url, "ingest"):
        for verb in (["store", "redrive", file], ["ingest", file, "--for", 1]):
            refused = twin(*verb)
            assert refused.returncode == 3
            assert "another process writes" in refused.stderr
            assert "Traceback" not in refused.stderr
    done = twin("store", "redrive", "--url", url, "--source", "press", file, "--json")
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert (told["letters"], told["stored"], told["refused"]) == (1, 1, {"json_syntax": 1})
    assert history.by_source()["press"]["redriven"] == 1
    history.close()
    assert "1 are still not understood" in twin("store", "redrive", file).stdout
