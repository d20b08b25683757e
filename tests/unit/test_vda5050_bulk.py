"""Many messages of mobile robots at once are what each is alone: frames, events, findings, and what is remembered."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples

from connectors import encoders_vda5050 as vda
from connectors import plugins
from connectors.ingest.decoding import Decoding
from twin.clock import NS_PER_MS, NS_PER_S
from twin.decoder import BatchDecoder
from twin.errors import DecodeError
from twin.message import Message
from twin.ports import Delivery
from twin.sample import Frames
from twin.site import Hub, Name

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
T0 = 1_795_327_200 * NS_PER_S
HUB = Hub("h", Name("h", "h"), ())
NODES = tuple(vda.Node(f"n{i}", 2 * i, i < 4, 1.5 * i, 1.0, "hall") for i in range(6))
EDGES = tuple(vda.Edge(f"e{i}", 2 * i + 1, i < 3) for i in range(5))


def made(**options):
    return plugins.make_decoder("vda5050", options, "test", HUB)


def captured(name):
    for line in (CAPTURES / f"{name}.jsonl").read_text().splitlines():
        row = json.loads(line)
        body = base64.b64decode(row["payload_b64"])
        yield Message(row["topic"], body, round(row["ts"] * 1e9), row["qos"], bool(row["retain"]))


def plain(part):
    if not isinstance(part, Frames):
        return part
    return (
        part.stream, part.t_ns.tolist(), part.seq.tolist(), part.received_ns.tolist(),
        [[None if np.isnan(x) else x for x in row] for row in part.values.tolist()], part.quality.tolist(), part.texts,
    )  # fmt: skip


def alone(decoder, message):
    try:
        return [plain(part) for part in decoder.decode(message)]
    except DecodeError as error:
        return (error.reason, error.detail)


def at_once(decoder, messages, max_rows=10_000):
    """What a decoder makes of messages by `decode_batch`, a row a message; and how many of them were in blocks."""
    found, start, quiet = [None] * len(messages), 0, 0
    while start < len(messages):
        blocks, told, looked_at = decoder.decode_batch(messages[start:], max_rows)
        for block in blocks:
            for part, places in block.parts():
                assert part.values.shape == (len(part), part.stream.width)
                for row, place in enumerate(places.tolist()):
                    assert place not in told
                    quiet += found[start + place] is None
                    found[start + place] = [*(found[start + place] or ()), plain(part.take(np.array([row])))]
        for place, said in told.items():
            if isinstance(said, DecodeError):
                found[start + place] = (said.reason, said.detail)
            else:
                assert not isinstance(said, Exception), said
                found[start + place] = [plain(part) for part in said]
        assert 0 < looked_at <= len(messages) - start
        start += looked_at
    return found, quiet


def sizes(total, cuts):
    """Where batches begin and end that are cut at those places."""
    edges = sorted({0, total, *(cut % (total + 1) for cut in cuts)})
    return list(pairwise(edges))


def same(messages, cuts, **options):
    """Check that bulk is one by one, however it is cut; how many messages were quiet."""
    one, many, quiet = made(**options), made(**options), 0
    for start, end in sizes(len(messages), cuts):
        expected = [alone(one, message) for message in messages[start:end]]
        found, count = at_once(many, messages[start:end])
        quiet += count
        for own, wanted, message in zip(found, expected, messages[start:end], strict=True):
            assert own == wanted, message
        assert many.state() == one.state()
        assert not one.marks or many.marks, "saved no later than from one by one"
        now_ns = messages[end - 1].received_ns + (end % 3) * 30 * NS_PER_S
        assert [plain(part) for part in many.tick(now_ns)] == [plain(part) for part in one.tick(now_ns)]
    return quiet


STATE_2 = {
    "orderId": "o-1", "orderUpdateId": 0, "lastNodeId": "n0", "lastNodeSequenceId": 0,
    "nodeStates": [node.body() for node in NODES], "edgeStates": [edge.body() for edge in EDGES], "driving": True,
    "actionStates": [{"actionId": "a1", "actionType": "pick", "actionStatus": "RUNNING"}],
    "agvPosition": {"x": 1.0, "y": 2, "theta": 0.5, "mapId": "hall", "positionInitialized": True},
    "velocity": {"vx": 0.5, "vy": 0.0, "omega": 0.0}, "distanceSinceLastNode": 0.25,
    "batteryState": {"batteryCharge": 60, "charging": False, "reach": 100},
    "operatingMode": "AUTOMATIC", "errors": [], "safetyState": {"eStop": "NONE", "fieldViolation": False},
}  # fmt: skip
STATE_3 = {
    **{key: value for key, value in STATE_2.items() if key not in ("agvPosition", "batteryState", "safetyState")},
    "mobileRobotPosition": {"x": 1.0, "y": 2, "theta": 0.5, "mapId": "hall", "localized": False},
    "powerSupply": {"stateOfCharge": 60, "charging": False, "range": 100, "batteryHealth": 99.5},
    "instantActionStates": [], "safetyState": {"activeEmergencyStop": "NONE", "fieldViolation": False},
}  # fmt: skip
SEEN_2 = {key: STATE_2[key] for key in ("agvPosition", "velocity")}
SEEN_3 = {key: STATE_3[key] for key in ("mobileRobotPosition", "velocity")}
CHANGES = [
    {"driving": False}, {"driving": True}, {"paused": True}, {"lastNodeId": "n1", "lastNodeSequenceId": 2},
    {"orderId": "o-2", "orderUpdateId": 1}, {"orderId": ""}, {"nodeStates": []}, {"nodeStates": STATE_2["nodeStates"]},
    {"errors": [{"errorType": "e", "errorLevel": "WARNING", "errorDescription": '\uc548\ub155 \\ " :'}]},
    {"errors": []}, {"actionStates": [{"actionId": "a1", "actionStatus": "FINISHED"}]}, {"operatingMode": "MANUAL"},
    {"loads": [{"weight": 5.5}]}, {"vendor": 7}, {"vendor": {"a": 1}}, {"vendor": "x:y"}, {"operatingMode": "NAP"},
    {"velocity": {}}, {"velocity": {"vx": None, "vy": 1.5, "omega": 0.0}}, {"velocity": {"vy": 1.5}},
    {"distanceSinceLastNode": "far"},
]  # fmt: skip
ODD = [
    lambda text: text[:-1] + ', "headerId": 3}', lambda text: text[:-1] + ', "x\\u0079": 3}', lambda text: text[:9],
    lambda text: "[" + text + "]", lambda text: text.replace('"headerId": ', '"headerId": -'),
    lambda text: text.replace('"x": ', '"x": 9007199254740993 , "y": 1, "z": '),
    lambda text: text.replace('"x": ', '"x": 1e999, "z": '), lambda text: text.replace('"theta": ', '"theta": 9'),
    lambda text: text.replace('Z"', '"'), lambda text: text.replace('Z"', '+09:00"'),
    lambda text: text.replace('"timestamp": "2', '"timestamp": "9'), lambda text: text.replace("Z", "\\u005a"),
    lambda text: text.replace('"x": ', '"x": null, "z": '), lambda text: text.replace(": ", " :\n"),
    lambda text: text.replace('"acme"', '"other"'), lambda text: text.replace('"version": "2.1.0", ', ""),
    lambda text: text.replace('"headerId"', '"header"'), lambda text: text + " ", lambda _text: "",
    lambda text: text.replace('"x": 1.0, "y": 2', '"x": -0, "x": 2'),
]  # fmt: skip
steps = st.one_of(
    st.tuples(st.just("visualization"), st.integers(0, 30)),
    st.tuples(st.just("state"), st.integers(0, 30)),
    st.tuples(st.just("change"), st.integers(0, len(CHANGES) - 1)),
    st.tuples(st.just("odd"), st.integers(0, len(ODD) - 1)),
    st.tuples(st.sampled_from(["lost", "repeated", "restarted", "retained", "later"]), st.integers(0, 5)),
    st.tuples(st.just("connection"), st.sampled_from(["ONLINE", "OFFLINE", "CONNECTIONBROKEN"])),
    st.tuples(st.just("order"), st.integers(0, 2)),
    st.tuples(st.just("junk"), st.sampled_from(["state", "visualization", "nothing"])),
)


class Robots:
    """Two robots, one of 2.1 and one of 3.0, that tell what a list of steps says. Mutable: what they are doing."""

    def __init__(self):
        self.made, self.now_ns = [], T0
        self.counts, self.bodies, self.odd = {}, {}, None

    def step(self, device, what, how):
        self.now_ns += 100 * NS_PER_MS
        body = self.bodies.setdefault(device, dict(STATE_2 if device == 0 else STATE_3))
        if what in ("state", "visualization"):
            for each in range(1 + how % 4):
                self.tell(device, what, how + each)
        elif what == "change":
            body |= CHANGES[how]
        elif what == "odd":
            self.odd = ODD[how]
        elif what == "lost":
            for topic in ("state", "visualization"):
                self.counts[device, topic] = self.counts.get((device, topic), 0) + how
        elif what == "repeated" and self.made:
            self.made += self.made[-1 - how :][:1]
        elif what == "restarted":
            self.counts = {}
        elif what == "later":
            self.now_ns += how * 61 * NS_PER_S
        elif what == "retained" and self.made:
            self.made.append(self.made[-1]._replace(retain=True))
        elif what == "connection":
            self.send(device, "connection", {"connectionState": how})
        elif what == "order":
            nodes = [vda.Node(f"n{i}", 2 * i, True, 2.0 * i, how, "hall").body() | {"actions": []} for i in range(3)]
            self.send(device, "order", {"orderId": "o-1", "orderUpdateId": how, "nodes": nodes, "edges": []})
        elif what == "junk":
            self.made.append(Message(f"uagv/v2/acme/r{device}/{how}", b'{"headerId": 1}', self.now_ns, 1))

    def tell(self, device, topic, number):
        body = self.bodies[device]
        if topic == "visualization":
            wanted = SEEN_2 if device == 0 else SEEN_3
            body = {key: body[key] for key in (*wanted, *(("vendor",) if "vendor" in body else ()))}
            body |= {"referenceStateHeaderId": self.counts.get((device, "state"), 0)} if device else {}
        place = next(key for key in ("agvPosition", "mobileRobotPosition") if key in body)
        told = {**body, place: {**body[place], "x": number / 4, "theta": number / 10}}
        power = next((key for key in ("batteryState", "powerSupply") if key in told), "")
        if power:
            charge = "batteryCharge" if power == "batteryState" else "stateOfCharge"
            told[power] = {**told[power], charge: number * 3.1}
        self.now_ns += NS_PER_MS
        self.send(device, topic, told)

    def send(self, device, topic, told):
        count = self.counts[device, topic] = self.counts.get((device, topic), 0) + 1
        head = vda.Robot("acme", f"r{device}").header(count, self.now_ns) | {
            "version": "2.1.0" if device == 0 else "3.0.0"
        }
        text = json.dumps({**head, **told})
        if self.odd is not None:
            text, self.odd = self.odd(text), None
        self.made.append(Message(f"uagv/v2/acme/r{device}/{topic}", text.encode(), self.now_ns + 5, 1))


@settings(deadline=None, max_examples=examples(150))
@given(
    st.lists(st.tuples(st.integers(0, 1), steps), min_size=1, max_size=30),
    st.lists(st.integers(0, 200), max_size=4),
)
def test_messages_at_once_are_what_each_is_alone_however_they_are_cut(told, cuts):
    robots = Robots()
    for device, (what, how) in told:
        robots.step(device, what, how)
    if robots.made:
        same(robots.made, cuts)


@pytest.mark.parametrize("name", ["vda5050_agv-11", "vda5050_agv-20"])
@pytest.mark.parametrize("step", [1, 2, 7, 50, 1000])
def test_a_capture_at_once_is_what_it_is_one_by_one(name, step):
    messages = list(captured(name))
    quiet = same(messages, range(0, len(messages), step))
    if step > 7:
        assert quiet > len(messages) // 5


@pytest.mark.parametrize("size", [2, 60])
def test_robots_that_tell_nothing_new_are_read_at_once(size):
    robots = Robots()
    for n in range(60):
        for device in (0, 1):
            robots.step(device, "state" if n % 2 else "visualization", 4 * (n % 6))
    # Where they are cut often they fall silent often, and who speaks again is read alone.
    assert same(robots.made, range(0, 120, size)) >= (50 if size == 2 else 110)


@pytest.mark.parametrize("place", range(len(CHANGES)))
@pytest.mark.parametrize("device", [0, 1])
def test_what_is_new_is_told_and_what_follows_is_compared_with_it(place, device):
    robots = Robots()
    for what, how in (("state", 3), ("change", place), ("state", 3), ("visualization", 3), ("state", 3)):
        robots.step(device, what, how)
    same(robots.made, [])


@pytest.mark.parametrize("place", range(len(ODD)))
@pytest.mark.parametrize("topic", ["state", "visualization"])
def test_what_is_odd_is_read_alone(place, topic):
    for device in (0, 1):
        robots = Robots()
        for what, how in ((topic, 3), ("odd", place), (topic, 3), ("odd", place), (topic, 0)):
            robots.step(device, what, how)
        same(robots.made, [])


def test_a_state_as_it_came_is_kept_of_all():
    robots = Robots()
    for n in range(5):
        robots.step(0, "state", n)
    same(robots.made, [], raw=True)


def rows_of(decoded):
    """All rows, in no order."""
    parts = [part for each in decoded for part, _ in each.parts]
    return sorted(str(plain(part.take(np.array([row])))) for part in parts for row in range(len(part)))


def test_ingest_makes_of_a_batch_what_it_makes_of_each():
    robots, rest = Robots(), [("connection", "OFFLINE"), ("odd", 2), ("state", 3), ("junk", "state"), ("state", 7)]
    for what, how in [("state", 7), ("visualization", 7), ("change", 8), ("state", 7), *rest]:
        robots.step(0, what, how)
    deliveries = [Delivery("s", message) for message in robots.made]
    many, one = (Decoding({"s": made()}, 60.0, 10_000) for _ in range(2))
    found, wanted = many.decode(deliveries, 10_000), [one.decode([delivery], 10_000) for delivery in deliveries]
    assert rows_of([found]) == rows_of(wanted)
    assert {place: letter.reason for place, letter in found.letters.items()} == {
        n: each.letters[0].reason for n, each in enumerate(wanted) if each.letters
    }
    assert [one.word for one in found.asides] == [one.word for each in wanted for one in each.asides]


def test_ingest_does_not_let_half_of_a_message_in():
    robots = Robots()
    for what in ("visualization", "state"):
        robots.step(0, what, 3)
    deliveries = [Delivery("s", message) for message in robots.made]
    states = {place for place, message in enumerate(robots.made) if message.topic.endswith("state")}
    decoding = Decoding({"s": made()}, 60.0, 12)  # room for the pose, and not for the state
    for _ in range(2):
        found = decoding.decode(deliveries, 10_000)
        assert {place: letter.reason for place, letter in found.letters.items()} == dict.fromkeys(states, "cardinality")
        assert states.isdisjoint(place for _, places in found.parts for place in places.tolist())


def test_it_is_a_batch_decoder():
    assert isinstance(made(), BatchDecoder)
