"""Recordings: kept, listed, pinned, replayed to a broker twice the same, and as files to the same hash elsewhere."""

from __future__ import annotations

import json
import shutil
import threading
from contextlib import closing
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from terminal import twin

from connectors.broker import BrokerProcess, any_port
from connectors.care.upkeep import Upkeep
from connectors.desk import Desk
from connectors.desk.proof import told
from connectors.desk.recordings import keep, marks, put_mark, recordings, remove, take_mark
from connectors.recordings.files import read
from connectors.recordings.replay import messages_of, prefix_problem
from connectors.sources import Share
from connectors.stores.sql import open_driver, open_history, open_store
from connectors.wall_clock import WallClock
from twin.clock import NS_PER_S, ManualClock, iso_from_ns
from twin.config import RetentionConfig, SourceConfig, StoreConfig
from twin.errors import RecordingError
from twin.keyframes import KeyframePolicy, verify
from twin.mirror import Mirror
from twin.ports import Commit, Folded
from twin.recording import Mark, Recording, batches_of, fingerprint
from twin.sample import Kind, Signal, batch_of, frame, stream_of

T0 = 1_795_328_000 * NS_PER_S
ARM = stream_of("jeonju/cell1/ur3", "joints", [Signal("q0"), Signal("q1")], sequenced=True, period_s=1.0, source="a")
DOOR = stream_of("jeonju/cell1/문", "state", [Signal("state", Kind.STATE), Signal("open", Kind.FLAG)], source="b")
OTHER = stream_of("changwon/cell9/oven", "climate", [Signal("temperature", unit="Cel")], period_s=1.0, source="c")
FROM_NS, TO_NS = T0 + 70 * NS_PER_S, T0 + 200 * NS_PER_S


def written(url, batches=300, step_s=1):
    """A batch each ``step_s`` seconds, of two sites; some frames late, some values absent, some batches empty."""
    with closing(open_store(url)) as store:
        mirror, keyframes = Mirror(), KeyframePolicy()

        def fold(batch):
            events = mirror.apply(batch)
            return Folded(events, mirror.changed, keyframes.after("w", mirror))

        for k in range(batches):
            tick_ns = T0 + k * step_s * NS_PER_S
            late = 15 * NS_PER_S if k % 40 == 39 else 0
            parts = [frame(OTHER, tick_ns, k, tick_ns, (k / 7,))]
            if not 100 < k < 120:
                parts.append(frame(ARM, tick_ns - late - 5, k, tick_ns, (k / 3 if k % 5 else None, -0.0)))
            if k % 9 == 0:
                parts.append(frame(DOOR, tick_ns - 7, 2**62 + k, tick_ns, (k % 2,), (("열림", "Closed")[k % 2],)))
            store.append(Commit(batch_of("w", k + 1, tick_ns, parts)), fold)
    return url


def said(*arguments):
    ran = twin(*arguments, "--json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    url = written(f"sqlite:///{folder}/twin.db")
    times = ("--from", iso_from_ns(FROM_NS, 9), "--to", iso_from_ns(TO_NS, 9))
    said("record", "the jam", "--url", url, "--site", "jeonju", *times, "--tag", "jam", "--note", "봐야 함")
    return folder


@pytest.fixture
def url(made, tmp_path):
    for name in ("twin.db", "twin-desk.db"):
        for end in ("", "-wal"):
            if (made / (name + end)).exists():
                shutil.copy(made / (name + end), tmp_path / (name + end))
    return f"sqlite:///{tmp_path}/twin.db"


def test_recordings_are_kept_listed_renamed_and_removed_each_on_the_trail(url):
    (one,) = said("recordings", "--url", url)["recordings"]
    assert (one["name"], one["site"], one["from_ns"], one["to_ns"]) == ("the jam", "jeonju", FROM_NS, TO_NS)
    assert (one["tags"], one["notes"], one["origin"]) == (["jam"], "봐야 함", "hand")
    again = twin("record", "the jam", "--url", url, "--site", "jeonju", "--from", T0 // 10**6, "--to", T0 // 10**6 + 1)
    assert (again.returncode, "already" in again.stderr) == (2, True)
    nowhere = twin("record", "x", "--url", url, "--site", "seoul", "--from", T0 // 10**6, "--to", T0 // 10**6 + 1)
    assert (nowhere.returncode, "changwon, jeonju" in nowhere.stderr) == (2, True)
    empty = twin("record", "x", "--url", url, "--site", "jeonju", "--from", T0 // 10**6, "--to", T0 // 10**6)
    assert (empty.returncode, "ends before" in empty.stderr) == (2, True)
    assert twin("recordings", "rename", "the jam", "jam 1", "--url", url).returncode == 0
    assert "jam 1: jeonju" in twin("recordings", "--url", url).stdout
    assert twin("recordings", "remove", "jam 1", "--url", url).returncode == 0
    assert twin("recordings", "remove", "jam 1", "--url", url).returncode == 2
    with closing(Desk(url, WallClock())) as desk:
        acts = [row["act"] for row in told(desk)]
    assert acts == ["recording.keep", "recording.rename", "recording.remove"]


def test_marks_have_typed_properties(url):
    at = iso_from_ns(FROM_NS, 3)
    twin("recordings", "mark", "first jam", "--url", url, "--site", "jeonju", "--at", at, "--set", "part=A-7",
         "--set", "force=12.5", "--set", "seen=true")  # fmt: skip
    (mark,) = said("recordings", "--url", url)["marks"]
    assert mark["properties"] == {"part": "A-7", "force": 12.5, "seen": True}
    assert mark["from_ns"] == mark["to_ns"] == FROM_NS
    assert twin("recordings", "unmark", mark["id"], "--url", url).returncode == 0
    assert said("recordings", "--url", url)["marks"] == []


def test_marks_and_recordings_of_other_sites_are_left_out(tmp_path):
    with closing(Desk(f"sqlite:///{tmp_path}/twin.db", ManualClock(5))) as desk:
        assert (recordings(desk), marks(desk)) == ([], [])
        for site in ("jeonju", "changwon"):
            keep(desk, "kim", Recording(f"of {site}", site, 1, 2))
            put_mark(desk, "kim", Mark("", site, 1, 1, f"at {site}"))
        assert [one.name for one in recordings(desk, {"jeonju"})] == ["of jeonju"]
        (mark,) = marks(desk, {"changwon"})
        assert (mark.label, mark.who, mark.when_ns) == ("at changwon", "kim", 5)
        take_mark(desk, "kim", mark.id)
        with pytest.raises(RecordingError):
            take_mark(desk, "kim", mark.id)
        for wrong in (
            Recording(" x", "jeonju", 1, 2),
            Recording("x\n", "jeonju", 1, 2),
            Recording("x", "jeonju", 2, 2),
        ):
            with pytest.raises(RecordingError):
                keep(desk, "kim", wrong)


@pytest.mark.parametrize("end", ["mcap", "jsonl"])
def test_a_recording_exported_and_imported_into_an_empty_store_replays_to_the_same_hash(url, tmp_path, end):
    file, other = tmp_path / f"jam.{end}", f"sqlite:///{tmp_path}/other/twin.db"
    here = said("recordings", "hash", "the jam", "--url", url)
    assert said("recordings", "export", "the jam", file, "--url", url) == here
    assert here["frames"] > 100
    assert said("recordings", "import", file, "--url", other)["sha256"] == here["sha256"]
    assert said("recordings", "hash", "the jam", "--url", other) == here
    checked = said("verify", "--url", other)
    assert (checked["mismatches"], checked["coverage"], checked["keyframes"] >= 3) == (0, 1.0, True)
    assert said("recordings", "--url", other)["recordings"][0]["origin"] == f"import:{here['sha256']}"
    twice = twin("recordings", "import", file, "--url", other)
    assert (twice.returncode, "empty" in twice.stderr) == (2, True)
    with closing(open_history(other)) as history:
        assert {stream.id for stream in history.streams().values()} == {ARM.id, DOOR.id}
        taken = history.frames(ARM.id, FROM_NS + 20 * NS_PER_S, TO_NS - 20 * NS_PER_S)
    with closing(open_history(url)) as history:
        there = history.frames(ARM.id, FROM_NS + 20 * NS_PER_S, TO_NS - 20 * NS_PER_S)
    assert taken.t_ns.tolist() == there.t_ns.tolist()
    assert taken.values.tobytes() == there.values.tobytes()


@pytest.mark.parametrize("end", ["mcap", "jsonl"])
def test_a_file_that_was_changed_or_cut_off_is_refused_and_nothing_is_imported(url, tmp_path, end):
    file = tmp_path / f"jam.{end}"
    said("recordings", "export", "the jam", file, "--url", url)
    whole = file.read_bytes()
    for spoilt in (whole[: len(whole) * 2 // 3], b"", b"{}\n", whole.replace(b"2", b"3", 400)):
        file.write_bytes(spoilt)
        with pytest.raises(RecordingError):
            read(file)
        assert twin("recordings", "import", file, "--url", f"sqlite:///{tmp_path}/no/twin.db").returncode == 2
    assert not (tmp_path / "no" / "twin.db").exists()
    file.write_bytes(whole)
    assert read(file).recording.name == "the jam"


def test_an_mcap_file_is_read_by_the_package_with_a_schema_for_each_stream(url, tmp_path):
    from mcap.reader import make_reader

    file = tmp_path / "jam.mcap"
    said("recordings", "export", "the jam", file, "--url", url)
    with file.open("rb") as opened:
        reader = make_reader(opened, validate_crcs=True)
        summary = reader.get_summary()
        assert {channel.topic for channel in summary.channels.values()} == {"factory-twin/batch", ARM.id, DOOR.id}
        assert {schema.encoding for schema in summary.schemas.values()} == {"jsonschema"}
        _, _, message = next(reader.iter_messages([ARM.id]))
        assert set(json.loads(message.data)["values"]) == {"q0", "q1"}
        assert json.loads(next(reader.iter_metadata()).metadata["recording"])["site"] == "jeonju"


def test_one_changed_value_changes_the_hash(url):
    with closing(open_history(url)) as history:
        before = fingerprint(batches_of(history, "jeonju", FROM_NS, TO_NS))
        assert fingerprint(batches_of(history, "jeonju", FROM_NS, TO_NS)) == before
        assert fingerprint(batches_of(history, "changwon", FROM_NS, TO_NS)) != before
        key = next(key for key, stream in history.streams().items() if stream.id == ARM.id)
    with closing(open_driver(url)) as driver:
        driver.begin()
        assert driver.run("UPDATE frame SET quality = 64 WHERE stream_key = ? AND seq = 99", (key,)) == 1
        driver.commit()
    with closing(open_history(url)) as history:
        assert fingerprint(batches_of(history, "jeonju", FROM_NS, TO_NS)).sha256 != before.sha256


class Listener:
    """Hears everything below a prefix."""

    def __init__(self, port):
        self.heard = []
        self.ready = threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_message = lambda _, __, message: self.heard.append((message.topic, bytes(message.payload)))
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.ready.wait(20)

    def wait(self, count):
        for _ in range(600):
            if len(self.heard) >= count:
                return
            threading.Event().wait(0.05)
        raise AssertionError(f"{len(self.heard)} of {count} messages were heard")

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    port = any_port()
    process = BrokerProcess("embedded", tmp_path_factory.mktemp("broker"), port)
    process.start()
    yield port
    process.stop()


def test_two_replays_to_the_wire_are_byte_equal_in_time_order_and_below_their_prefix(url, broker):
    listener = Listener(broker)
    try:
        runs = []
        for _ in range(2):
            listener.heard.clear()
            answer = said("replay", "the jam", "--url", url, "--publish", f"mqtt://127.0.0.1:{broker}",
                        "--prefix", "replay/run-1", "--rate", "max")  # fmt: skip
            listener.wait(answer["messages"])
            runs.append(list(listener.heard))
    finally:
        listener.close()
    assert runs[0] == runs[1]
    assert len(runs[0]) == answer["messages"] > 100
    assert {topic for topic, _ in runs[0]} == {
        "replay/run-1/jeonju/cell1/ur3/joints", "replay/run-1/jeonju/cell1/문/state",
    }  # fmt: skip
    times = [json.loads(payload)["ts"] for _, payload in runs[0]]
    assert times == sorted(times)


def test_a_replay_never_goes_where_ingest_listens(url):
    for prefix in ("jeonju", "factory-twin/live", "replay", "replay/", "replay/a/", "replay/+", "replay/#", ""):
        assert prefix_problem(prefix), prefix
    assert prefix_problem("replay/run/1") == ""
    refused = twin("replay", "the jam", "--url", url, "--publish", "mqtt://127.0.0.1:1", "--prefix", "plant/x")
    assert (refused.returncode, "may be live" in refused.stderr) == (2, True)
    for topics in (("#",), ("+/#",), ("+/+/+/+/+/+",)):
        share = Share(SourceConfig("all", topics, "auto"))
        assert not share.is_all
        assert not share.has("replay/run/jeonju/cell1/ur3/joints")
        assert share.has("jeonju/cell1/ur3/joints")
    with closing(open_history(url)) as history:
        (one,) = recordings(Desk(url, WallClock()))
        found = list(messages_of(history, one, "replay/x"))
    assert all(FROM_NS <= t_ns < TO_NS for t_ns, _, _ in found)


def test_raw_data_that_a_recording_covers_is_not_let_go_and_it_is_said(tmp_path, caplog):
    url = written(f"sqlite:///{tmp_path}/twin.db", 240, 60)  # four hours
    hour_ns = 3600 * NS_PER_S
    span = (T0 + 2 * hour_ns, T0 + 2 * hour_ns + 600 * NS_PER_S)
    clock = ManualClock(T0 + 30 * 24 * hour_ns)
    config = StoreConfig(url, retention=RetentionConfig(raw_days=1.0))
    with closing(Desk(url, clock)) as desk, closing(open_history(url)) as history, closing(open_store(url)) as store:
        history_before = fingerprint(batches_of(history, "jeonju", *span))
        keep(desk, "kim", Recording("kept", "jeonju", *span))
        with closing(open_driver(url)) as driver:
            driver.begin()
            driver.run("UPDATE writer SET rolled_n = 1000000")
            driver.commit()
        care = Upkeep(config, store, clock)
        with caplog.at_level("WARNING"):
            care._retain()
            care._retain()
        assert history.batch_range("w")[0] > 60, "what lies before it has gone"
        assert [row.getMessage() for row in caplog.records if "'kept'" in row.getMessage()] == [
            f"raw data from {iso_from_ns(span[0])} on stays for the recording 'kept'"
        ]
        assert fingerprint(batches_of(history, "jeonju", *span)) == history_before
        assert verify(history).mismatches == ()
        assert verify(history).coverage < 1.0
        remove(desk, "kim", "kept")
        care._retain()
        assert history.batch_range("w")[0] > 120
        with pytest.raises(RecordingError, match="kept no longer"):
            list(batches_of(history, "jeonju", *span))


def test_the_file_of_a_recording_ends_with_mcap_or_jsonl(url, tmp_path):
    refused = twin("recordings", "export", "the jam", Path(tmp_path) / "jam.csv", "--url", url)
    assert (refused.returncode, "mcap" in refused.stderr) == (2, True)
