"""Episodes as MCAP: every value that is stored is read back to the bit, by the reader of others."""

from __future__ import annotations

import json

import numpy as np
import pytest
from exported import ARM, SLOW, STREAM, arm_episodes, arm_history, written
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory

from connectors.episodes.reading import streams_of
from connectors.exporters import cdr
from connectors.exporters.export import export
from connectors.exporters.plan import Terms
from connectors.exporters.verify import verify
from connectors.stores.memory import MemoryStore
from twin.clock import NS_PER_S
from twin.episodes import Episode, Method
from twin.episodes.episode import Label
from twin.errors import EpisodeError
from twin.ports import Commit, Folded
from twin.sample import Frames, Kind, Role, Signal, batch_of, stream_of

T0 = 1_790_000_000 * NS_PER_S


def read(path):
    """By topic: (log time, publish time, sequence, message), and the reader's channels."""
    found, channels = {}, {}
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True, decoder_factories=[DecoderFactory()])
        for _, channel, message, told in reader.iter_decoded_messages(log_time_order=False):
            row = (message.log_time, message.publish_time, message.sequence, told)
            found.setdefault(channel.topic, []).append(row)
            channels[channel.topic] = channel
    return found, channels


def extras(path):
    with path.open("rb") as file:
        reader = make_reader(file)
        return (
            {one.name: json.loads(one.data) for one in reader.iter_attachments()},
            {one.name: one.metadata for one in reader.iter_metadata()},
        )


def bits(values):
    return np.asarray(values, np.float64).view(np.int64).tolist()


def stamp_ns(told):
    return told.header.stamp.sec * NS_PER_S + told.header.stamp.nanosec


def episode_of(asset, t_ns):
    first, last = int(t_ns[0]), int(t_ns[-1])
    return Episode(f"{asset}@{first}", asset, first, last + 1, first, last + 1, Method.MOTION)


def exported(streams_frames, folder, **more):
    """One episode over all frames of an asset's streams; its file, read."""
    store = MemoryStore()
    t_ns = np.sort(np.concatenate([one.t_ns for one in streams_frames]))
    store.append(Commit(batch_of("w", 1, int(t_ns[-1]), streams_frames)), lambda _batch: Folded((), ()))
    episode = episode_of(streams_frames[0].stream.asset, t_ns)
    export("mcap", store, streams_of(store), [episode], folder, 20, Terms("x", "CC0-1.0", "test"), **more)
    assert [one for one in verify(folder) if not one.risk] == []
    return read(folder / "data/chunk-000/episode-000000.mcap")


@pytest.fixture(scope="module")
def arm(tmp_path_factory):
    history = arm_history(slow=True)
    folder = tmp_path_factory.mktemp("mcap") / "set"
    written("mcap", history, folder)
    return history, folder


def test_each_episode_is_a_file_with_every_value_to_the_bit_and_both_times(arm):
    history, folder = arm
    for i, episode in enumerate(arm_episodes()):
        found, _ = read(folder / f"data/chunk-000/episode-{i:06d}.mcap")
        frames = history.frames(STREAM.id, episode.start_ns, episode.end_ns)
        joints = found["/s/cell/R_1/joint_states"]
        assert [one[0] for one in joints] == frames.received_ns.tolist()
        assert [one[1] for one in joints] == [stamp_ns(one[3]) for one in joints] == frames.t_ns.tolist()
        assert [one[2] for one in joints] == frames.seq.tolist()
        assert all(one[3].name == ["joint_0", "joint_1", "joint_2"] for one in joints)
        assert [bits(one[3].position) for one in joints] == [bits(row) for row in frames.values[:, :3]]
        assert bits([one[3].data for one in found["/s/cell/R_1/power"]]) == bits(frames.values[:, 3])
        assert [one[3].data for one in found["/s/cell/R_1/gripped"]] == (frames.values[:, 4] == 1).tolist()
        slow = history.frames(SLOW.id, episode.start_ns, episode.end_ns)
        there = ~np.isnan(slow.values[:, 0])
        heat = found["/s/cell/R_1/slow/motor"]
        assert bits([one[3].temperature for one in heat]) == bits(slow.values[there, 0])
        assert [stamp_ns(one[3]) for one in heat] == slow.t_ns[there].tolist()
        assert [one[0] for one in heat] == slow.received_ns[there].tolist()
        texts = [row[0] for row in slow.texts if row[0] is not None]
        assert [one[3].data for one in found["/s/cell/R_1/slow/c0c1_d0dc"]] == texts
        bad = slow.quality[slow.quality != 192].tolist()
        assert [one[3].data for one in found.get("/s/cell/R_1/slow/quality", [])] == bad


def test_units_labels_and_where_it_comes_from_are_in_each_file(arm):
    _, folder = arm
    _, channels = read(folder / "data/chunk-000/episode-000003.mcap")
    assert channels["/s/cell/R_1/power"].metadata == {
        "asset": ARM, "stream": STREAM.id, "signal": "power", "unit": "W", "kind": "gauge",
    }  # fmt: skip
    joints = json.loads(channels["/s/cell/R_1/joint_states"].metadata["joints"])
    assert joints[1] == {"name": "joint_1", "position": "q1", "position_unit": "rad"}
    attached, metadata = extras(folder / "data/chunk-000/episode-000003.mcap")
    told = {one["channel"]: one["label"] for one in attached["labels.json"]["labels"]}
    assert told == {"outcome": "failure", "instruction_ko": "용접", "instruction_en": "Weld the left seam"}
    assert metadata["units"]["/s/cell/R_1/slow/motor"] == "Cel"
    assert (metadata["provenance"]["licence"], metadata["provenance"]["key"]) == ("CC-BY-4.0", "3")
    with (folder / "data/chunk-000/episode-000003.mcap").open("rb") as file:
        assert make_reader(file).get_header().profile == "ros2"


def test_joints_that_tell_of_different_things_stand_in_messages_of_their_own_without_a_nan(tmp_path):
    signals = [
        Signal(f"{part}.{name}", unit=unit, role=role, index=i, source_name=name)
        for part, unit, role in (("position", "rad", Role.JOINT_POSITION), ("velocity", "rad/s", Role.JOINT_VELOCITY),
                                 ("effort", "N.m", Role.JOINT_EFFORT))
        for i, name in enumerate(("shoulder", "elbow"))
    ]  # fmt: skip
    stream = stream_of("s/c/arm", "joints", signals)
    nan = np.nan
    values = np.array([[1, 2, 3, 4, 5, 6], [1, nan, 3, nan, nan, nan], [1, 2, nan, 4, nan, nan], [nan] * 6])
    t_ns = T0 + np.arange(4) * NS_PER_S
    frames = Frames(stream, t_ns, np.arange(4), t_ns + 5, values, np.full(4, 192, np.int16))
    found, _ = exported([frames], tmp_path / "set")
    told = [
        (one[1] - T0, one[3].name, list(one[3].position), list(one[3].velocity), list(one[3].effort))
        for one in found["/s/c/arm/joints/joint_states"]
    ]
    assert sorted(told) == [
        (0, ["shoulder", "elbow"], [1, 2], [3, 4], [5, 6]),
        (NS_PER_S, ["shoulder"], [1], [3], []),
        (2 * NS_PER_S, ["elbow"], [2], [4], []),
        (2 * NS_PER_S, ["shoulder"], [1], [], []),
    ]


def test_a_mobile_robot_has_a_pose_beside_its_exact_yaw_and_a_twist(tmp_path):
    signals = [Signal("x", unit="m", role=Role.X), Signal("y", unit="m", role=Role.Y),
               Signal("yaw", unit="rad", role=Role.YAW), Signal("speed", unit="m/s", role=Role.SPEED)]  # fmt: skip
    stream = stream_of("s/amr 1", "state", signals)
    values = np.array([[1.5, -2.25, 0.3, 0.7], [1.6, np.nan, 0.4, 0.8]])
    t_ns = T0 + np.arange(2) * NS_PER_S
    frames = Frames(stream, t_ns, np.arange(2), t_ns, values, np.full(2, 192, np.int16))
    found, channels = exported([frames], tmp_path / "set")
    ((_, _, _, pose),) = found["/s/amr_1/state/pose"]
    assert bits([pose.pose.position.x, pose.pose.position.y]) == bits([1.5, -2.25])
    q = pose.pose.orientation
    assert 2 * np.arctan2(q.z, q.w) == pytest.approx(0.3)
    assert bits([one[3].data for one in found["/s/amr_1/state/yaw"]]) == bits([0.3, 0.4])
    assert bits([one[3].data for one in found["/s/amr_1/state/x"]]) == bits([1.5, 1.6])
    assert bits([one[3].twist.linear.x for one in found["/s/amr_1/state/speed"]]) == bits([0.7, 0.8])
    assert channels["/s/amr_1/state/pose"].metadata["made_of"] == "x, y, yaw"


def test_six_tool_forces_are_a_wrench_and_part_of_them_plain_numbers(tmp_path):
    signals = [Signal(f"f{i}", unit="N" if i < 3 else "N.m", role=Role.TOOL_FORCE, index=i) for i in range(6)]
    stream = stream_of("s/c/arm", "data", signals)
    values = np.array([[1.0, 2, 3, 4, 5, 6], [1, np.nan, 3, 4, 5, 6]])
    t_ns = T0 + np.arange(2) * NS_PER_S
    frames = Frames(stream, t_ns, np.arange(2), t_ns, values, np.full(2, 192, np.int16))
    found, _ = exported([frames], tmp_path / "set")
    ((_, _, _, told),) = found["/s/c/arm/wrench"]
    assert [told.wrench.force.z, told.wrench.torque.x] == [3, 4]
    assert {name: one[0][3].data for name, one in found.items() if "wrench" not in name} == {
        f"/s/c/arm/f{i}": i + 1 for i in (0, 2, 3, 4, 5)
    }


def test_times_before_1970_and_far_ahead_and_flags_that_are_none_are_kept(tmp_path):
    stream = stream_of("s/c/plc", "data", [Signal("heat", unit="Cel"), Signal("on", Kind.FLAG)])
    far_ns = 2**33 * NS_PER_S
    t_ns = np.array([T0, far_ns])
    frames = Frames(stream, t_ns, np.arange(2), t_ns, np.array([[20.5, 1], [21.5, 7]]), np.full(2, 192, np.int16))
    found, _ = exported([frames], tmp_path / "set")
    assert [one[1] for one in found["/s/c/plc/heat"]] == [T0, far_ns]
    assert stamp_ns(found["/s/c/plc/heat"][1][3]) == (2**31 - 1) * NS_PER_S
    assert [one[3].data for one in found["/s/c/plc/on"]] == [True]
    assert [one[3].data for one in found["/s/c/plc/on_2"]] == [7.0]


def test_labels_are_those_in_force_and_without_the_name_of_who_said_it(tmp_path):
    stream = stream_of("s/c/plc", "data", [Signal("heat", unit="Cel")])
    t_ns = T0 + np.arange(3) * NS_PER_S
    frames = Frames(stream, t_ns, np.arange(3), t_ns, np.ones((3, 1)), np.full(3, 192, np.int16))
    episode = f"s/c/plc@{T0}"
    label = Label(episode, T0, T0 + 9, "defect", "scratch", "human", 0.9, who="kim", at_ns=5, n=3)
    exported([frames], tmp_path / "set", labels={episode: [label]})
    attached, _ = extras(tmp_path / "set/data/chunk-000/episode-000000.mcap")
    assert attached["labels.json"] == {
        "episode": episode,
        "labels": [{"channel": "defect", "label": "scratch", "from_ns": T0, "to_ns": T0 + 9, "source": "human",
                    "confidence": 0.9, "at_ns": 5}],
    }  # fmt: skip


def test_names_in_any_script_are_topics_that_ros_allows_and_no_two_are_one(tmp_path):
    signals = [Signal(name) for name in ("온도", "a.b", "a b", "1st", "__x__", "%")]
    stream = stream_of("전주/1호기", "data", signals)
    frames = Frames(
        stream, np.array([T0]), np.array([0]), np.array([T0]), np.arange(6.0)[None], np.array([192], np.int16)
    )
    found, channels = exported([frames], tmp_path / "set")
    assert len(found) == len(signals)
    for name, channel in channels.items():
        assert all(part[0].isalpha() and part.replace("_", "").isalnum() and part.isascii() and "__" not in part
                   for part in name[1:].split("/"))  # fmt: skip
        assert channel.metadata["asset"] == "전주/1호기"
    assert {one.metadata["signal"] for one in channels.values()} == {one.name for one in signals}


@pytest.mark.parametrize("damage", ["labels", "cut", "counts"])
def test_what_is_wrong_inside_a_file_is_named_even_where_its_checksum_was_mended(arm, tmp_path, damage):
    import hashlib
    import shutil

    from connectors.exporters.croissant import SUMS, sums_of

    folder = tmp_path / "set"
    shutil.copytree(arm[1], folder)
    first, second = (folder / f"data/chunk-000/episode-00000{i}.mcap" for i in (0, 1))
    if damage == "labels":
        first.write_bytes(first.read_bytes().replace(b"labels.json", b"labelz.json"))
    elif damage == "cut":
        first.write_bytes(first.read_bytes()[:-500])
    else:
        first.write_bytes(second.read_bytes())
    croissant = json.loads((folder / "croissant.json").read_text("utf-8"))
    for one in croissant["distribution"]:
        one["sha256"] = hashlib.sha256((folder / one["contentUrl"]).read_bytes()).hexdigest()
    (folder / "croissant.json").write_text(json.dumps(croissant), "utf-8")
    (folder / SUMS).write_text(sums_of(folder), "utf-8")
    wanted = {"labels": {"labels", "files"}, "cut": {"files"}, "counts": {"time", "provenance"}}[damage]
    assert {one.check for one in verify(folder)} & wanted


def test_a_message_of_ours_is_byte_for_byte_that_of_the_ros_encoder():
    from mcap_ros2._dynamic import serialize_dynamic

    layout = cdr.joint_state("base", ["a", "second"], (True, False, True))
    told = {
        "header": {"stamp": {"sec": 5, "nanosec": 7}, "frame_id": "base"},
        "name": ["a", "second"], "position": [0.1, -2.5], "velocity": [], "effort": [1e300, 3.0],
    }  # fmt: skip
    name = "sensor_msgs/msg/JointState"
    encode = serialize_dynamic(name, cdr.DEFINITIONS[name])[name]
    ours = layout.fill(np.array([5_000_000_007]), np.array([[0.1, -2.5, 1e300, 3.0]]))
    assert ours == [encode(told)]
    assert cdr.words(["용접"]) == [
        serialize_dynamic("std_msgs/msg/String", "string data\n")["std_msgs/msg/String"]({"data": "용접"})
    ]


def test_an_asset_that_measures_one_thing_goes_out_as_raw_but_not_as_lerobot(tmp_path):
    stream = stream_of("s/c/plc", "data", [Signal("heat", unit="Cel")])
    t_ns = T0 + np.arange(3) * NS_PER_S
    frames = Frames(stream, t_ns, np.arange(3), t_ns, np.ones((3, 1)), np.full(3, 192, np.int16))
    found, _ = exported([frames], tmp_path / "set")
    assert len(found["/s/c/plc/heat"]) == 3
    store = MemoryStore()
    store.append(Commit(batch_of("w", 1, int(t_ns[-1]), [frames])), lambda _batch: Folded((), ()))
    with pytest.raises(EpisodeError, match="measures too little"):
        written("lerobot", store, tmp_path / "no", some=[episode_of("s/c/plc", t_ns)])
