"""The terminal, as a person or a script uses it: what it prints, and what its exit code says."""

from __future__ import annotations

import dataclasses
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from terminal import twin

from connectors.broker import BrokerProcess, any_port
from connectors.factory_file import read_factory
from connectors.plugins import make_decoder
from connectors.recorded import Tally, read_csv, read_mapping
from connectors.stores.sql import open_store
from twin import config
from twin.clock import NS_PER_S
from twin.errors import SourceError
from twin.keyframes import KeyframePolicy
from twin.message import Message
from twin.mirror import Mirror
from twin.ports import Commit, Folded
from twin.sample import Frames, Kind, Signal, batch_of, frame, stream_of

ROOT = Path(__file__).resolve().parents[2]
CAPTURE = ROOT / "tests" / "data" / "captures" / "nodered_uns.jsonl"
T0 = 1_795_328_000 * NS_PER_S


@pytest.fixture(scope="module")
def new_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("new") / "plant"
    made = twin("new", folder)
    assert (made.returncode, made.stderr) == (0, "")
    assert str(folder / "factory.toml") in made.stdout
    return folder / "factory.toml"


def test_a_new_factory_file_has_no_mistakes(new_file):
    checked = twin("check", new_file)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "1 sites, 2 assets, 4 sources, no mistakes" in checked.stdout


def test_a_factory_file_that_is_there_is_left_as_it_is(new_file):
    before = new_file.read_bytes()
    again = twin("new", new_file.parent)
    assert again.returncode == 2
    assert "left as it is" in again.stderr
    assert new_file.read_bytes() == before


def test_the_new_files_comments_show_the_true_defaults(new_file, tmp_path):
    text = new_file.read_text(encoding="utf-8")
    shown = re.sub(r"^# (?!password|position_deg|targets|partner)(\w+ = .*)$", r"\1", text, flags=re.MULTILINE)
    assert shown.count("\n#") < text.count("\n#")
    other = tmp_path / "factory.toml"
    other.write_text(shown, encoding="utf-8")
    as_given, uncommented = read_factory(new_file, {}), read_factory(other, {})
    assert uncommented.store.url == f"sqlite:///{tmp_path}/data/twin.db"
    assert dataclasses.replace(uncommented, store=as_given.store) == as_given


def test_the_new_file_names_every_key_there_is(new_file):
    text = new_file.read_text(encoding="utf-8")
    for section in ("broker", "store", "web", "ingest", "simulate"):
        kind = getattr(config, f"{section.capitalize()}Config")
        part = text.partition(f"\n[{section}]\n")[2].partition("\n[")[0]
        keys = set(re.findall(r"^#? ?(\w+) = ", part, re.MULTILINE))
        assert keys == {field.name for field in dataclasses.fields(kind)}


def test_the_new_files_sources_take_the_messages_that_its_comments_show(new_file):
    factory = read_factory(new_file, {})
    shown = re.findall(r"^# (factory/\S+) (.*)$", new_file.read_text(encoding="utf-8"), re.MULTILINE)
    configured = [source for source in factory.sources if not source.rest and source.type == "mqtt"]
    assert len(shown) == len(configured)
    for source, (topic, payload) in zip(configured, shown, strict=True):
        assert any(config.topic_matches(topic_filter, topic) for topic_filter in source.topics)
        decoder = make_decoder(source.decoder, source.options, source.name, factory.hub)
        (part,) = decoder.decode(Message(topic, payload.encode(), T0))
        assert isinstance(part, Frames)
        assert part.stream.asset in factory.hub.assets()


def test_check_names_every_mistake_and_exits_2(new_file, tmp_path):
    wrong = tmp_path / "wrong.toml"
    text = new_file.read_text(encoding="utf-8")
    text = text.replace('type = "conveyor"', 'type = "conveyer"').replace('decoder = "json_topic"', 'decoder = "jsn"')
    text = text.replace("# port = 1883", "port = 99999").replace('time_unit = "ms"', 'time_unti = "ms"')
    wrong.write_text(text, encoding="utf-8")
    checked = twin("check", wrong)
    assert checked.returncode == 2
    assert checked.stdout == ""
    assert f"{wrong}: 4 mistakes" in checked.stderr
    for told in ("site[0].asset[0].type", "'conveyor'", "source[1].decoder", "broker.port", "time_unti"):
        assert told in checked.stderr
    assert "Traceback" not in checked.stderr


def test_check_of_no_file_exits_2(tmp_path):
    checked = twin("check", tmp_path / "none.toml")
    assert checked.returncode == 2
    assert "twin new" in checked.stderr


@pytest.mark.parametrize("verb", [["store", "info"], ["verify"]])
def test_a_store_that_is_not_there_exits_3(tmp_path, verb):
    asked = twin(*verb, "--url", f"sqlite:///{tmp_path}/none.db")
    assert asked.returncode == 3
    assert "no database" in asked.stderr
    assert "Traceback" not in asked.stderr
    assert not (tmp_path / "none.db").exists()


ARM = stream_of("s/ur3", "joints", [Signal("q0"), Signal("q1")], sequenced=True, period_s=1.0, source="arm")
DOOR = stream_of("s/door", "state", [Signal("state", Kind.STATE)], period_s=5.0, source="door")


@pytest.fixture
def stored(tmp_path):
    """A SQLite file with three minutes of two streams, folded as ingest folds; its path."""
    path = tmp_path / "twin.db"
    store, mirror, policy = open_store(f"sqlite:///{path}"), Mirror(), KeyframePolicy()

    def fold(batch):
        events = mirror.apply(batch)
        return Folded(events, mirror.changed, policy.after("ingest", mirror))

    for n in range(1, 19):
        t_ns = T0 + n * 10 * NS_PER_S
        parts = [
            frame(ARM, t_ns, n, t_ns, (n / 8, None)),
            frame(DOOR, t_ns, n, t_ns, (), (("Idle", "Held", "Execute")[n // 9],)),
        ]
        store.append(Commit(batch_of("ingest", n, t_ns, parts)), fold)
    store.close()
    return path


def test_store_info_tells_the_numbers_under_their_exact_keys(stored):
    asked = twin("store", "info", "--json", "--url", f"sqlite:///{stored}")
    assert (asked.returncode, asked.stderr) == (0, "")
    answer = json.loads(asked.stdout)
    keys = "frames values streams signals events dead_letters batches keyframes first_ns last_ns bytes"
    assert list(answer) == keys.split()
    assert (answer["frames"], answer["values"], answer["streams"], answer["signals"]) == (36, 36, 2, 3)
    assert (answer["batches"], answer["keyframes"], answer["dead_letters"]) == (18, 4, 0)
    assert (answer["first_ns"], answer["last_ns"]) == (T0 + 10 * NS_PER_S, T0 + 180 * NS_PER_S)
    assert answer["bytes"] > 0


def test_store_info_by_stream_and_for_people(stored):
    by_stream = json.loads(
        twin("store", "info", "--json", "--by-stream", TWIN__STORE__URL=f"sqlite:///{stored}").stdout
    )
    assert by_stream == {
        "s/ur3:joints": {"frames": 18, "values": 18, "first_seq": 1, "last_seq": 18},
        "s/door:state": {"frames": 18, "values": 18, "first_seq": 1, "last_seq": 18},
    }
    assert "frames: 36\n" in twin("store", "info", "--url", f"sqlite:///{stored}").stdout


def test_verify_says_yes_to_what_was_stored(stored):
    asked = twin("verify", "--json", "--url", f"sqlite:///{stored}")
    assert asked.returncode == 0
    answer = json.loads(asked.stdout)
    assert {key: answer[key] for key in ("batches", "frames", "keyframes", "mismatches")} == {
        "batches": 18, "frames": 36, "keyframes": 4, "mismatches": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "tampering",
    [
        (
            "UPDATE frame SET vals = CAST(substr(vals, 1, length(vals) - 1) || x'41' AS BLOB) WHERE id ="
            " (SELECT max(id) FROM frame WHERE length(vals) > 1 AND t_ns = 1795328070000000000)"
        ),
        "UPDATE frame_text SET texts = replace(texts, 'Held', 'Hell') WHERE t_ns = 1795328090000000000",
        "DELETE FROM batch WHERE n = 7",
        "UPDATE batch SET tick_ns = tick_ns + 1 WHERE n = 6",
    ],
    ids=["a flipped value", "a changed text", "a missing batch", "a moved tick"],
)
def test_verify_exits_1_when_one_stored_thing_was_changed(stored, tampering):
    with closing(sqlite3.connect(stored)) as connection:
        changed = connection.execute(tampering).rowcount
        connection.commit()
    assert changed == 1
    asked = twin("verify", "--json", "--url", f"sqlite:///{stored}")
    assert asked.returncode == 1, asked.stderr
    answer = json.loads(asked.stdout)
    assert answer["mismatches"] >= 1
    assert answer["details"]
    assert "differs" in twin("verify", "--url", f"sqlite:///{stored}").stdout


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    process = BrokerProcess("embedded", tmp_path_factory.mktemp("broker"), any_port())
    process.start()
    yield process
    process.stop()


def test_publish_sends_a_capture_and_counts_what_was_acknowledged(broker):
    lines = len(CAPTURE.read_text().splitlines())
    sent = twin("publish", CAPTURE, "--broker", broker.url, "--rate", "max", "--json")
    assert sent.returncode == 0, sent.stderr
    assert json.loads(sent.stdout) == {"rows": lines, "published": lines, "acknowledged": lines, "skipped": {}}


TABLE = (
    "\ufeffNum;Timestamp;Current_J0;Tool_current;grip_lost;Robot_ProtectiveStop ;cycle \n"
    '1;"2022-10-26T08:17:21.847Z";0,109627;0,0823;False;True;1\n'
    '2;"2022-10-26T08:17:22.852Z";-2,59562;nan;;False;1\n'
    ";;;;;;\n"
    '3;"2022-10-26T08:17:23.857Z";;;;;\n'
    ';"2022-10-26T08:17:24.000Z";1,5;;;;\n'
    '5;"2022-10-26T08:17:25.100Z";1,5;0,1;True;False\n'
    '6;"2022-10-26T08:17:26.100Z";offline;0,1;True;False;2\n'
)
MAPPING = """
topic = "ur3/cobot/data"
delimiter = ";"
decimal = ","
time = "Timestamp"
seq = "Num"
[columns]
Current_J0 = { field = "current_0" }
Tool_current = { field = "tool_current" }
grip_lost = { field = "grip_lost", kind = "flag" }
"Robot_ProtectiveStop" = { field = "protective_stop", kind = "flag" }
"cycle " = { field = "cycle", kind = "text" }
"""


@pytest.fixture
def table(tmp_path):
    (tmp_path / "cobot.csv").write_text(TABLE, encoding="utf-8")
    (tmp_path / "map.toml").write_text(MAPPING, encoding="utf-8")
    return tmp_path


def test_a_tables_rows_become_messages_with_points_for_commas(table):
    result = Tally(skipped={})
    messages = list(read_csv(table / "cobot.csv", read_mapping(table / "map.toml"), result))
    assert [json.loads(message.payload) for message in messages] == [
        {"ts": 1666772241847, "seq": 1, "current_0": 0.109627, "tool_current": 0.0823, "grip_lost": False,
         "protective_stop": True, "cycle": "1"},
        {"ts": 1666772242852, "seq": 2, "current_0": -2.59562, "tool_current": None, "grip_lost": None,
         "protective_stop": False, "cycle": "1"},
        {"ts": 1666772245100, "seq": 5, "current_0": 1.5, "tool_current": 0.1, "grip_lost": True,
         "protective_stop": False, "cycle": None},
        {"ts": 1666772246100, "seq": 6, "current_0": "offline", "tool_current": 0.1, "grip_lost": True,
         "protective_stop": False, "cycle": "2"},
    ]  # fmt: skip
    assert {(message.topic, message.qos) for message in messages} == {("ur3/cobot/data", 1)}
    assert messages[0].received_ns == 1666772241847 * 10**6
    assert (result.rows, result.skipped) == (7, {"no_time": 1, "no_values": 1, "no_seq": 1})


def test_publish_sends_a_table_and_says_what_it_skipped(broker, table):
    arguments = ("publish", table / "cobot.csv", "--map", table / "map.toml", "--broker", broker.url, "--rate", "max")
    sent = twin(*arguments, "--json")
    assert sent.returncode == 0, sent.stderr
    assert json.loads(sent.stdout) == {
        "rows": 7, "published": 4, "acknowledged": 4, "skipped": {"no_time": 1, "no_values": 1, "no_seq": 1},
    }  # fmt: skip


def test_a_table_without_a_mapped_column_is_refused_with_the_columns_there_are(table):
    (table / "map.toml").write_text(MAPPING.replace("Current_J0 =", "Current_J9 ="), encoding="utf-8")
    with pytest.raises(SourceError, match=r"Current_J9.*Current_J0"):
        list(read_csv(table / "cobot.csv", read_mapping(table / "map.toml"), Tally(skipped={})))


def test_a_value_too_big_for_a_number_is_not_silently_absent(table):
    (table / "cobot.csv").write_text(TABLE.replace("0,109627", "1e999"), encoding="utf-8")
    first = next(read_csv(table / "cobot.csv", read_mapping(table / "map.toml"), Tally(skipped={})))
    assert json.loads(first.payload)["current_0"] == "1e999"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["cobot.csv"], 2, "mapping"),
        (["cobot.csv", "--map", "none.toml"], 2, "none.toml"),
        (["none.jsonl"], 3, "none.jsonl"),
        (["cobot.csv", "--map", "map.toml", "--rate", "fast"], 2, "--rate fast"),
        (["cobot.csv", "--map", "map.toml", "--rate", "-1"], 2, "more than 0"),
    ],
)
def test_publish_asked_wrongly_says_what_is_wrong(table, broker, arguments, code, says):
    paths = [table / a if a.endswith((".csv", ".toml", ".jsonl")) else a for a in arguments]
    asked = twin("publish", *paths, "--broker", broker.url)
    assert (asked.returncode, asked.stdout) == (code, "")
    assert says in asked.stderr
    assert "Traceback" not in asked.stderr


def test_publish_to_no_broker_address_is_refused(table):
    asked = twin("publish", CAPTURE, "--broker", "http://x")
    assert asked.returncode == 3
    assert "mqtt://HOST:PORT" in asked.stderr


def test_twin_tells_its_version():
    told = twin("--version")
    assert (told.returncode, told.stdout.split()[0]) == (0, "factory-twin")


@pytest.mark.parametrize("verb", ["demo", "simulate"])
def test_a_fault_that_cannot_be_is_refused_before_anything_starts(verb, tmp_path):
    demo = ROOT / "dashboards" / "demo" / "factory.toml"
    first = ("demo", "--data", tmp_path, "--no-browser") if verb == "demo" else ("simulate", demo)
    asked = twin(*first, "--fault", "grip_lost:jeonju/weld/line1/R-101", "--fault", "tool_wear:jeonju/weld/line1/R-101")
    assert (asked.returncode, asked.stdout) == (2, "")
    assert "tool_wear happens to machine_tool, and this is of type robot_arm" in asked.stderr
    assert "Traceback" not in asked.stderr
