"""A factory file: typed values out, or every mistake at once with its key and what to write instead."""

from __future__ import annotations

import copy
import math
import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples

from connectors.factory_file import override, read_factory, read_secret
from twin.config import Factory, parse_factory
from twin.errors import ConfigError
from twin.secret import Secret
from twin.simulation.faults import Fault, FaultKind
from twin.site import Level

DEMO = Path(__file__).resolve().parents[2] / "dashboards" / "demo" / "factory.toml"
TYPES = ("robot_arm", "conveyor")
SOUND = """
[hub]
id = "hub1"
name = "Hub"
[[site]]
id = "jeonju"
name = { ko = "전주", en = "Jeonju" }
size_m = [40, 20.5]
[[site.place]]
id = "weld/line1"
level = "line"
name = "Line 1"
rect_m = [0, 0, 10, 5]
[[site.asset]]
id = "weld/line1/R-101"
type = "robot_arm"
name = { ko = "로봇", en = "Robot" }
pose = { x_m = 1, y_m = 2.5, yaw_deg = 90 }
attributes = { model = "ur10e", station = 1, spare = false }
[[site.node]]
id = "N-1"
x_m = 0
y_m = 0
[[site.shift]]
id = "night"
name = { ko = "야간", en = "Night" }
start = "22:00"
end = "06:00"
days = ["mon", "fri"]
breaks = [["23:45", "00:15"], ["03:00", "03:30"]]
[[source]]
name = "mqtt"
topics = ["plant/+/data"]
decoder = "json_object"
[source.options]
topic = "plant/{asset}/{stream}"
"""


def parsed(text=SOUND, **changes):
    data = tomllib.loads(text)
    data.update(changes)
    return parse_factory(data, TYPES)


def mistakes_of(text=SOUND, **changes):
    with pytest.raises(ConfigError) as caught:
        parsed(text, **changes)
    return {mistake.key: mistake for mistake in caught.value.mistakes}


def test_a_sound_file_becomes_typed_values():
    factory = parsed()
    (site,) = factory.hub.sites
    (asset,) = site.assets
    assert (asset.id, asset.site, asset.type) == ("jeonju/weld/line1/R-101", "jeonju", "robot_arm")
    assert (asset.pose.x_m, asset.pose.yaw_rad) == (1.0, math.pi / 2)
    assert asset.attributes == {"model": "ur10e", "station": 1, "spare": False}
    assert (site.name.in_language("ko"), site.name.in_language("en")) == ("전주", "Jeonju")
    assert site.places[0].level is Level.LINE
    assert site.places[0].id == "jeonju/weld/line1"
    assert factory.sources[0].options == {"topic": "plant/{asset}/{stream}"}
    assert (factory.broker.use, factory.store.url, factory.web.host) == ("auto", "sqlite:///data/twin.db", "127.0.0.1")


def test_a_night_shift_and_its_breaks_reach_into_the_next_day():
    (shift,) = parsed().hub.sites[0].shifts
    assert (shift.start_min, shift.end_min, shift.days) == (1320, 1800, {0, 4})
    assert shift.breaks_min == ((1425, 1455), (1620, 1650))


@pytest.mark.parametrize(
    ("was", "now", "key"),
    [
        ('start = "22:00"', 'start = "24:00"', "start"),
        ('start = "22:00"', 'start = ""', "start"),
        ('end = "06:00"', "", "end"),
        ('"mon"', '"monday"', "days"),
        ('"03:30"]]', '"06:30"]]', "breaks"),
        ('"03:30"]]', "330]]", "breaks"),
        ('"03:30"]]', '""]]', "breaks"),
    ],
)
def test_a_shift_that_cannot_be_is_a_mistake(was, now, key):
    assert was in SOUND
    assert list(mistakes_of(SOUND.replace(was, now))) == [f"site[0].shift[0].{key}"]


def test_a_holiday_is_a_date():
    text = SOUND.replace("size_m", 'holidays = ["2026-01-01", "20260102", "newyear"]\nsize_m')
    assert list(mistakes_of(text)) == ["site[0].holidays"]


def test_the_demo_file_has_no_mistake():
    factory = read_factory(DEMO, {})
    assert len(factory.hub.sites) == 2
    assert len(factory.hub.assets()) > 20


def test_every_mistake_is_reported_at_once_with_its_key_and_a_suggestion():
    text = """
    [hub]
    id = "hub1"
    nmae = "Hub"
    [[site]]
    id = "jeonju"
    name = "J"
    timezone = "Asia/Soul"
    size_m = [1, 2, 3]
    edges = [["N-1", "N-9"], "N-1"]
    [[site.place]]
    id = "weld"
    level = "lin"
    name = "W"
    [[site.asset]]
    id = "a/"
    type = "robot_arn"
    name = "A"
    pose = { x_m = "left" }
    attributes = { tags = ["a"] }
    [[site.node]]
    id = "N-1"
    x_m = 0
    y_m = nan
    [[source]]
    name = "s"
    topics = ["plant/#/data"]
    decoder = "json_object"
    qos = 3
    [[source]]
    name = "s"
    topics = "plant"
    decoder = 5
    [broker]
    use = "amqp://x"
    port = 70000
    [store]
    url = "mysql://x"
    [web]
    language = "fr"
    [ingest]
    batch_messages = 0
    max_future_s = inf
    [simulate]
    sites = ["busan"]
    [simulate.dialects]
    robot_arm = "klingon"
    toaster = "uns"
    [wbe]
    port = 1
    """
    found = mistakes_of(text)
    assert set(found) == {
        "hub.name", "hub.nmae", "site[0].timezone", "site[0].size_m", "site[0].edges", "site[0].place[0].level",
        "site[0].asset[0].id", "site[0].asset[0].type", "site[0].asset[0].pose.x_m",
        "site[0].asset[0].attributes.tags", "site[0].node[0].y_m", "source[0].topics", "source[0].qos",
        "source[1].topics", "source[1].decoder", "source", "broker.use", "broker.port", "store.url", "web.language",
        "ingest.batch_messages", "ingest.max_future_s", "simulate.sites", "simulate.dialects.robot_arm",
        "simulate.dialects.toaster", "wbe",
    }  # fmt: skip
    assert "did you mean 'name'" in found["hub.nmae"].suggestion
    assert "did you mean 'robot_arm'" in found["site[0].asset[0].type"].suggestion
    assert "did you mean 'web'" in found["wbe"].suggestion
    assert "line" in found["site[0].place[0].level"].suggestion
    assert "jeonju" in found["simulate.sites"].suggestion


def test_faults_of_the_simulated_plants_are_read_and_their_mistakes_told():
    text = (
        SOUND
        + """
    [simulate]
    sites = ["jeonju"]
    breakdowns = false
    [[simulate.fault]]
    kind = "axis_friction"
    asset = "jeonju/weld/line1/R-101"
    at_s = 5
    for_s = 60
    severity = 0.5
    every_s = 600
    """
    )
    simulate = parse_factory(tomllib.loads(text), TYPES).simulate
    assert simulate.fault == (Fault(FaultKind.AXIS_FRICTION, "jeonju/weld/line1/R-101", 5.0, 60.0, 0.5, 600.0),)
    assert not simulate.breakdowns
    for wrong, key, said in (
        ('kind = "axis_frcition"', "kind", "did you mean 'axis_friction'"),
        ('kind = "tool_wear"', "kind", "happens to machine_tool, and this is of type robot_arm"),
        ('kind = "grip_lost"\nseverity = 2', "kind", "at most 1"),
        ('kind = "grip_lost"\nfor_s = "long"', "for_s", "not a number"),
        ('kind = "grip_lost"\nwhen = 2', "when", "unknown key"),
    ):
        table = '[simulate]\n[[simulate.fault]]\nasset = "jeonju/weld/line1/R-101"\n' + wrong
        mistake = mistakes_of(SOUND + table)[f"simulate.fault[0].{key}"]
        assert said in str(mistake)
    table = '[simulate]\n[[simulate.fault]]\nasset = "weld/line1/R-101"\nkind = "grip_lost"'
    assert "did you mean 'jeonju/weld/line1/R-101'" in mistakes_of(SOUND + table)["simulate.fault[0].asset"].suggestion


def test_the_error_prints_every_mistake_on_a_line_of_its_own():
    with pytest.raises(ConfigError) as caught:
        parse_factory({}, TYPES, "f.toml")
    head, *lines = str(caught.value).splitlines()
    assert head == f"f.toml: {len(caught.value.mistakes)} mistakes"
    assert len(lines) == len(caught.value.mistakes) >= 3


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.10", "plant.example", ""])
def test_a_host_open_to_others_is_known_as_such(host):
    assert not parsed(web={"host": host}).web.is_local


@pytest.mark.parametrize(("key", "value"), [("session_idle_min", 0), ("session_max_h", -1), ("session_max_h", 10_000)])
def test_a_session_has_a_length(key, value):
    assert "no such time" in mistakes_of(web={key: value})[f"web.{key}"].problem


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_loopback_host_is_taken(host):
    assert parsed(web={"host": host}).web.host == host


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("hunter2", "must not stand in the file"),
        ({}, "needs one of env and file"),
        ({"env": "A", "file": "b"}, "needs one of env and file"),
    ],
)
def test_a_secret_never_stands_in_the_file(password, says):
    found = mistakes_of(broker={"password": password})["broker.password"]
    assert says in found.problem
    assert "hunter2" not in str(found)


def test_a_secret_is_read_from_the_environment_or_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("MQTT_PASSWORD", "s3cret")
    assert read_secret(parsed(broker={"password": {"env": "MQTT_PASSWORD"}}).broker.password) == "s3cret"
    (tmp_path / "password").write_text("from-file\n")
    assert read_secret(Secret(file=str(tmp_path / "password"))) == "from-file"
    assert read_secret(None) == ""
    monkeypatch.delenv("MQTT_PASSWORD")
    for missing in (Secret(env="MQTT_PASSWORD"), Secret(file=str(tmp_path / "none"))):
        with pytest.raises(ConfigError):
            read_secret(missing)


@pytest.mark.parametrize("topic", ["factory-twin/#", "factory-twin/live/+"])
def test_the_twins_own_topics_are_refused(topic):
    source = tomllib.loads(SOUND)["source"][0]
    assert "never ingests itself" in mistakes_of(source=[{**source, "topics": [topic]}])["source[0].topics"].problem


def test_sparkplug_has_a_source_of_its_own():
    source = {"name": "gateways", "topics": ["spBv1.0/#"], "decoder": "sparkplug_b"}
    mistake = mistakes_of(source=[source])["source[0].topics"]
    assert "connection of its own" in mistake.problem
    assert 'type = "sparkplug_host"' in mistake.suggestion
    assert parsed(source=[{**source, "type": "sparkplug_host"}]).sources[0].type == "sparkplug_host"


@pytest.mark.parametrize("key", ["site", "site[0].asset", "site[0].place", "site[0].node", "site[0].shift"])
def test_two_of_the_same_id_are_a_mistake(key):
    data = tomllib.loads(SOUND)
    listed = data["site"] if key == "site" else data["site"][0][key.rpartition(".")[2]]
    listed.append(copy.deepcopy(listed[0]))
    with pytest.raises(ConfigError) as caught:
        parse_factory(data, TYPES)
    assert key in {mistake.key for mistake in caught.value.mistakes}


junk = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


def places_in(data, path=()):
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places_in(inner, (*path, key))


PLACES = list(places_in(tomllib.loads(SOUND + "[broker]\n[web]\n[ingest]\n[store]\n[simulate]\n")))


@settings(deadline=None, max_examples=examples(300))
@given(st.sampled_from(PLACES), junk)
def test_whatever_stands_anywhere_is_a_value_or_a_mistake(path, value):
    data = tomllib.loads(SOUND + "[broker]\n[web]\n[ingest]\n[store]\n[simulate]\n")
    table = data
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = value
    try:
        told = parse_factory(data, TYPES)
    except ConfigError as error:
        told = error.mistakes
    assert isinstance(told, Factory) or told


def written(tmp_path, text=SOUND):
    file = tmp_path / "factory.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_environment_overrides_the_file(tmp_path):
    file = written(tmp_path, SOUND + '[store]\nurl = "sqlite:///a.db"\n')
    environ = {
        "TWIN__STORE__URL": "sqlite:///b.db",
        "TWIN__WEB__PORT": "9000",
        "TWIN__WEB__LANGUAGE": '"en"',
        "TWIN__BROKER__USE": "mqtt://broker:1884",
        "TWIN__INGEST__MAX_FUTURE_S": "1.5",
        "OTHER": "x",
    }
    factory = read_factory(file, environ)
    assert factory.store.url == f"sqlite:///{tmp_path}/b.db"
    assert (factory.web.port, factory.web.language) == (9000, "en")
    assert factory.broker.use == "mqtt://broker:1884"
    assert factory.ingest.max_future_s == 1.5


def test_a_mistake_in_the_environment_is_reported_like_one_in_the_file(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_factory(written(tmp_path), {"TWIN__WEB__PORT": "x", "TWIN__WEB__PROT": "1", "TWIN__SOURCE__0__QOS": "2"})
    assert {mistake.key for mistake in caught.value.mistakes} == {"web.port", "web.prot", "TWIN__SOURCE__0__QOS"}


def test_an_override_makes_the_tables_it_needs():
    data: dict = {}
    override(data, {"TWIN__A__B__C": "[1, 2]", "TWIN__D": "text"})
    assert data == {"a": {"b": {"c": [1, 2]}}, "d": "text"}


def test_paths_are_relative_to_the_file(tmp_path):
    text = SOUND + '[broker]\nca_file = "tls/ca.pem"\ncert_file = "/etc/c.pem"\npassword = { file = "secret" }\n'
    factory = read_factory(written(tmp_path, text), {})
    assert factory.store.url == f"sqlite:///{tmp_path}/data/twin.db"
    assert factory.broker.ca_file == f"{tmp_path}/tls/ca.pem"
    assert (factory.broker.cert_file, factory.broker.key_file) == ("/etc/c.pem", "")
    assert factory.broker.password == Secret(file=f"{tmp_path}/secret")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ('topic = "plant/{asset}"\nbogus = 1', "bogus"),
        ('topic = "plant/data"', "names no asset"),
        ('time_unit = "hours"', "hours"),
        ('values = [{ path = "p", unit = "bar", to_unit = "Cel" }]', "cannot become"),
        ('values = [{ path = "p", unit = "barr", to_unit = "Pa" }]', "barr"),
        ('values = [{ path = "p" }, { path = "q", signal = "p" }]', "twice"),
    ],
)
def test_a_decoders_options_are_checked_with_the_rest(tmp_path, options, says):
    text = SOUND.replace('topic = "plant/{asset}/{stream}"', options) + "[web]\nport = 0\n"
    with pytest.raises(ConfigError) as caught:
        read_factory(written(tmp_path, text), {})
    found = {mistake.key: mistake.problem for mistake in caught.value.mistakes}
    assert set(found) == {"source[0].options", "web.port"}
    assert says in found["source[0].options"]


def test_an_unknown_plugin_is_a_mistake_that_names_the_known_ones(tmp_path):
    text = SOUND.replace('"json_object"', '"json_objekt"\ntype = "mqqt"')
    with pytest.raises(ConfigError) as caught:
        read_factory(written(tmp_path, text), {})
    found = {mistake.key: mistake.problem for mistake in caught.value.mistakes}
    assert "json_object" in found["source[0].decoder"]
    assert "mqtt" in found["source[0].type"]


@pytest.mark.parametrize("content", [None, b"[hub", b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path, content):
    file = tmp_path / "factory.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_factory(file, {})
    assert [mistake.key for mistake in caught.value.mistakes] == ["file"]


def test_the_process_environment_is_used_when_none_is_given(tmp_path, monkeypatch):
    monkeypatch.setitem(os.environ, "TWIN__WEB__PORT", "9001")
    assert read_factory(written(tmp_path)).web.port == 9001


def test_how_long_what_is_kept_is_read_and_its_folder_is_beside_the_file(tmp_path):
    text = (
        SOUND
        + '[store]\narchive = "old"\nlow_mb = 500\n[store.retention]\nraw_days = 30\nrollup_days = 90.5\nmax_gb = 2\n'
    )
    store = read_factory(written(tmp_path, text), {}).store
    assert store.archive == str(tmp_path / "old")
    assert (store.low_mb, store.floor_mb) == (500, 256)
    assert (store.retention.raw_days, store.retention.rollup_days, store.retention.max_gb) == (30.0, 90.5, 2.0)
    assert store.retention.events_days == 0.0


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("floor_mb = 3000", "store.floor_mb"),
        ("archive_after_days = -1", "store.archive_after_days"),
        ("retention = { raw_days = -1 }", "store.retention.raw_days"),
        ("retention = { raw_days = 10, rollup_days = 5 }", "store.retention.rollup_days"),
        ("retention = { rollup_days = 5 }", "store.retention.rollup_days"),
        ("retention = { row_days = 5 }", "store.retention.row_days"),
    ],
)
def test_what_cannot_be_kept_like_that_is_a_mistake(text, key):
    assert key in mistakes_of(SOUND + f"[store]\n{text}\n")
