"""The demo plants: deterministic to the bit, however time is cut, and believable at their sensors."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from twin.clock import NS_PER_S, ns_from_iso
from twin.config import parse_factory
from twin.errors import ScenarioError
from twin.sample import Frames, Kind, Quality, merge
from twin.simulation.plant import ASSET_TYPES, Plant, build_plant
from twin.simulation.sensors import DECIMALS, SensorSet
from twin.spatial import UR10E, tool_position_m

if TYPE_CHECKING:
    from twin.site import Hub, Site

DEMO = Path(__file__).parents[2] / "dashboards" / "demo" / "factory.toml"
START_NS = ns_from_iso("2026-11-16T08:00:00+09:00")
MINUTE_NS = 60 * NS_PER_S
SITES = ("jeonju", "changwon")


@cache
def demo() -> Hub:
    return parse_factory(tomllib.loads(DEMO.read_text("utf-8")), tuple(ASSET_TYPES)).hub


def site(name: str) -> Site:
    found = demo().site(name)
    assert found is not None
    return found


def plant(name: str, seed: int = 7) -> Plant:
    return build_plant(site(name), seed=seed, start_ns=START_NS)


@cache
def live_minutes(name: str) -> dict[str, Frames]:
    return {frames.stream.id: frames for frames in plant(name).advance(START_NS + 5 * MINUTE_NS)}


@cache
def slow_hours(name: str) -> dict[str, Frames]:
    return {frames.stream.id: frames for frames in plant(name).advance(START_NS + 90 * MINUTE_NS, slow=True)}


def joined(parts: list[Frames]) -> dict[str, Frames]:
    by_stream: dict[str, list[Frames]] = {}
    for part in parts:
        by_stream.setdefault(part.stream.id, []).append(part)
    return {key: merge(found) for key, found in by_stream.items()}


def digest(frames: dict[str, Frames]) -> str:
    """Over every bit that leaves the plant; absent values count as one and the same NaN."""
    total = hashlib.sha256()
    for key in sorted(frames):
        part = frames[key]
        present = np.where(np.isnan(part.values), 1e308, part.values)
        total.update(key.encode())
        for column in (part.t_ns, part.seq, part.received_ns, part.quality):
            total.update(column.astype("<i8").tobytes())
        total.update(present.astype("<f8").tobytes())
        total.update(repr(part.texts).encode())
    return total.hexdigest()


def column(frames: Frames, name: str) -> np.ndarray:
    return frames.values[:, [signal.name for signal in frames.stream.columns].index(name)]


def text(frames: Frames, name: str) -> list[str | None]:
    at = [signal.name for signal in frames.stream.text_columns].index(name)
    return [row[at] for row in frames.texts]


GOLDEN = {
    "jeonju": "6d8bb4a300ec1d4c74525cee2197fd4ab783a1c5ffecc8c8b25b660ac953141a",
    "changwon": "b8f7d3d56ecfd3fb87ad10611a23c8682da60d5d497659ed801179d666b686c1",
}


@pytest.mark.parametrize("name", SITES)
def test_the_plant_of_seed_seven_has_the_hash_it_always_had(name: str) -> None:
    assert digest(live_minutes(name)) == GOLDEN[name]


@pytest.mark.parametrize("name", SITES)
def test_cutting_live_time_into_calls_changes_no_bit(name: str) -> None:
    cut, parts = plant(name), []
    until, step = START_NS, 0
    while until < START_NS + MINUTE_NS:
        step += 1
        until = min(until + (step * 137_000_003) % 900_000_000 + 1, START_NS + MINUTE_NS)
        parts += cut.advance(until)
        assert cut.now_ns == until
    whole = {frames.stream.id: frames for frames in plant(name).advance(START_NS + MINUTE_NS)}
    assert digest(joined(parts)) == digest(whole)


@pytest.mark.parametrize("name", SITES)
def test_cutting_history_into_calls_changes_no_bit(name: str) -> None:
    cut, parts = plant(name), []
    for minutes in (7, 23, 24, 60, 61.37, 75, 90):
        parts += cut.advance(START_NS + round(minutes * MINUTE_NS), slow=True)
    assert digest(joined(parts)) == digest(slow_hours(name))


def test_going_live_after_history_keeps_counting() -> None:
    running = plant("jeonju")
    before = {f.stream.id: f for f in running.advance(START_NS + 10 * MINUTE_NS, slow=True)}
    after = {f.stream.id: f for f in running.advance(START_NS + 11 * MINUTE_NS)}
    stream = "jeonju/weld/line1/R-101:joints"
    assert len(before[stream]) == 600
    assert len(after[stream]) == 1200
    assert after[stream].seq[0] == before[stream].seq[-1] + 1
    assert after[stream].t_ns[0] - before[stream].t_ns[-1] == NS_PER_S
    assert digest({"s": slow_hours("jeonju")["jeonju/weld/EM-1:data"].take(np.arange(660))}) == digest(
        {"s": merge([before["jeonju/weld/EM-1:data"], after["jeonju/weld/EM-1:data"]])}
    )


def test_another_seed_is_another_plant() -> None:
    other = {f.stream.id: f for f in plant("changwon", seed=8).advance(START_NS + 5 * MINUTE_NS)}
    assert digest(other) != digest(live_minutes("changwon"))


@pytest.mark.parametrize("name", SITES)
def test_every_stream_keeps_its_period_and_counts_its_frames(name: str) -> None:
    made = live_minutes(name)
    running = plant(name)
    assert set(made) == {stream.id for stream in running.streams}
    assets = {asset.id: asset.type for asset in site(name).assets}
    assert {stream.asset for stream in running.streams} == set(assets)
    for key, frames in made.items():
        stream = frames.stream
        assert stream.sequenced
        kind = ASSET_TYPES[assets[stream.asset]].stream(stream.name)
        assert kind is not None
        assert stream.period_s == kind.period_s
        period_ns = round((kind.period_s or 0.0) * NS_PER_S)
        assert frames.t_ns.tolist() == list(range(START_NS, START_NS + 5 * MINUTE_NS, period_ns)), key
        assert frames.seq.tolist() == list(range(len(frames)))
        assert frames.received_ns.tolist() == frames.t_ns.tolist()
        assert set(frames.quality.tolist()) == {Quality.GOOD}
        assert frames.values.shape == (len(frames), stream.width)
        assert all(len(row) == len(stream.text_columns) for row in frames.texts)
        assert len(frames.texts) == (len(frames) if stream.text_columns else 0)


@pytest.mark.parametrize("name", SITES)
def test_values_stand_on_their_sensors_resolution_and_zero_has_no_sign(name: str) -> None:
    for frames in live_minutes(name).values():
        for signal, values in zip(frames.stream.columns, frames.values.T, strict=True):
            shown = values[~np.isnan(values)]
            scaled = shown * 10.0 ** DECIMALS[signal.unit]
            assert np.abs(scaled - np.rint(scaled)).max() < 1e-4, (frames.stream.id, signal.name)
            assert not np.signbit(shown[shown == 0.0]).any()


@pytest.mark.parametrize("name", SITES)
def test_counters_never_decrease_and_gauges_are_rarely_absent(name: str) -> None:
    absent = total = 0
    for frames in slow_hours(name).values():
        for signal, values in zip(frames.stream.columns, frames.values.T, strict=True):
            if signal.kind is Kind.COUNTER:
                assert (np.diff(values) >= 0).all(), (frames.stream.id, signal.name)
            elif signal.kind is Kind.GAUGE:
                absent += int(np.isnan(values).sum())
                total += len(values)
    assert 0 < absent < total / 5000


@pytest.mark.parametrize("name", SITES)
def test_arms_stay_inside_their_published_limits(name: str) -> None:
    for frames in slow_hours(name).values():
        if frames.stream.name == "joints":
            for signal, values in zip(frames.stream.columns, frames.values.T, strict=True):
                assert signal.low is not None
                assert signal.high is not None
                assert np.nanmin(values) >= signal.low, (frames.stream.id, signal.name)
                assert np.nanmax(values) <= signal.high, (frames.stream.id, signal.name)
            positions = frames.values[:, :6]
            tool = tool_position_m(UR10E, positions[~np.isnan(positions).any(axis=1)])
            assert tool[:, 2].min() > 0.02
            assert np.linalg.norm(tool, axis=1).max() < UR10E.reach_m + 0.2


def test_an_arm_moves_only_while_its_station_executes() -> None:
    made = slow_hours("jeonju")
    seen: set[str] = set()
    for number in range(101, 109):
        joints = made[f"jeonju/weld/line1/R-{number}:joints"]
        states = np.array(text(made[f"jeonju/weld/line1/R-{number}:status"], "state"))
        speed = np.nanmax(np.abs(joints.values[:, 7:13]), axis=1)
        # The second in which a state begins still shows the braking.
        settled = np.concatenate(([False], states[1:] == states[:-1]))
        for state in ("Suspended", "Aborted", "Stopped"):
            at = (states == state) & settled
            if at.any():
                seen.add(state)
                assert speed[at].max() <= 0.008, (number, state)
        assert speed[states == "Execute"].max() > 0.2
        waiting = joints.values[(states == "Suspended") & settled][:, :6]
        if len(waiting):
            assert np.nanmax(np.nanmax(waiting, axis=0) - np.nanmin(waiting, axis=0)) < 0.002
    assert {"Suspended", "Aborted"} <= seen


def test_published_speeds_are_the_derivatives_of_published_positions() -> None:
    joints = live_minutes("jeonju")["jeonju/weld/line1/R-104:joints"]
    positions, speeds = joints.values[:, :6], joints.values[:, 7:13]
    derived = (positions[2:] - positions[:-2]) / 0.1
    off = np.abs(derived - speeds[1:-1])
    assert np.nanmax(np.abs(speeds)) > 0.2
    assert np.nanquantile(off, 0.999) < 0.02


def test_no_cycle_repeats_the_one_before_to_the_last_digit() -> None:
    joints = live_minutes("jeonju")["jeonju/weld/line1/R-104:joints"]
    force, shoulder = column(joints, "effort.gripper"), column(joints, "position.joint_2")
    grips = np.flatnonzero((force[1:] > 60.0) & (force[:-1] <= 60.0))
    assert len(grips) >= 4
    spread = np.ptp(shoulder[grips + 200])
    assert 0.001 < spread < 0.06


def test_the_gripper_closes_at_grip_and_squeezes_only_a_part() -> None:
    made = live_minutes("jeonju")
    joints, status = made["jeonju/weld/line1/R-101:joints"], made["jeonju/weld/line1/R-101:status"]
    opening, force = column(joints, "position.gripper")[::20], column(joints, "effort.gripper")[::20]
    steps = np.array(text(status, "program"))
    assert {"approach", "grip", "transfer", "weld", "place", "home"} <= set(steps)
    assert np.nanmin(opening[steps == "approach"]) > 0.07
    assert np.nanmax(opening[steps == "transfer"]) < 0.045
    assert np.nanmin(force[steps == "transfer"]) > 100.0
    assert np.nanmax(force[steps == "approach"]) < 10.0


def test_the_weld_line_has_the_pace_and_the_troubles_of_a_real_one() -> None:
    made = slow_hours("jeonju")
    for number in range(101, 109):
        status = made[f"jeonju/weld/line1/R-{number}:status"]
        cycles = column(status, "cycle_time")
        assert np.nanmin(cycles[cycles > 0]) >= 45.0
        assert np.nanmax(cycles) <= 62.0
        assert column(status, "good_count")[-1] > 60
        heat = column(status, "motor_temperature_2")
        assert np.nanmax(np.abs(np.diff(heat))) < 1.0
    states = {s for key, f in made.items() if "/R-" in key and key.endswith(":status") for s in text(f, "state")}
    assert {"Execute", "Suspended", "Aborted"} <= states


def test_machine_tools_cut_under_load_and_their_meter_sees_it() -> None:
    made = live_minutes("changwon")
    machine = made["changwon/machining/line1/MT-01:data"]
    executing = np.array(text(machine, "state")) == "Execute"
    assert executing.any()
    assert np.nanmax(column(machine, "spindle_speed")[executing]) > 3000
    assert np.nanmax(column(machine, "spindle_speed")[~executing]) < 50
    assert np.nanmean(column(machine, "power")[executing]) > 2.0 * np.nanmean(column(machine, "power")[~executing])
    meter = made["changwon/machining/EM-13:data"]
    power_kw, energy_kwh = column(meter, "power"), column(meter, "energy")
    drawn_kwh = np.nansum(power_kw[1:]) / 3600.0
    assert energy_kwh[-1] - energy_kwh[0] == pytest.approx(drawn_kwh, rel=0.01)


def test_a_compressors_meter_counts_what_the_compressor_draws() -> None:
    made = live_minutes("changwon")
    power_kw = column(made["changwon/utility/EM-11:data"], "power")
    assert np.nanmax(power_kw) == pytest.approx(37.4, abs=0.6)
    assert np.nanmin(power_kw) == pytest.approx(37.0 * 0.32 + 0.4, abs=0.6)
    pressure = column(made["changwon/utility/CMP-1:data"], "air_pressure")
    assert 5.9 < np.nanmin(pressure) < 6.4
    assert 6.8 < np.nanmax(pressure) < 7.3


def test_the_plant_rests_at_the_meal_break_and_works_after_it() -> None:
    noon = ns_from_iso("2026-11-16T12:00:00+09:00")
    running = build_plant(site("jeonju"), seed=7, start_ns=noon - 3 * MINUTE_NS)
    running.advance(noon + 10 * MINUTE_NS, slow=True)
    resting = {f.stream.id: f for f in running.advance(noon + 19 * MINUTE_NS, slow=True)}
    running.advance(noon + 22 * MINUTE_NS, slow=True)
    working = {f.stream.id: f for f in running.advance(noon + 25 * MINUTE_NS, slow=True)}
    arms = [f"jeonju/weld/line1/R-{number}:status" for number in range(101, 109)]
    at_rest = [state for arm in arms for state in text(resting[arm], "state")]
    at_work = [state for arm in arms for state in text(working[arm], "state")]
    assert at_rest.count("Stopped") > 0.9 * len(at_rest)
    assert at_work.count("Execute") > 0.6 * len(at_work)
    used = [np.nanmean(column(made["jeonju/weld/EM-1:data"], "power")) for made in (resting, working)]
    assert used[0] < used[1]


def test_a_sensor_read_row_by_row_gives_the_bits_of_one_reading() -> None:
    stream = next(s for s in plant("changwon").streams if s.id.endswith("MT-01:data"))
    truth = np.full((20_000, stream.width), 100.0)
    noise = {"power": 40.0, "vibration": 0.06}
    whole = SensorSet(stream, 7, noise).read(truth)
    piecewise = SensorSet(stream, 7, noise)
    parts = np.concatenate([piecewise.read(truth[:1]), piecewise.read(truth[1:13_000]), piecewise.read(truth[13_000:])])
    assert whole.tobytes() == parts.tobytes()
    power = whole[:, [signal.name for signal in stream.columns].index("power")]
    assert np.nanstd(power) == pytest.approx(40.0, rel=0.05)
    assert np.nanmean(power) == pytest.approx(100.0, abs=1.5)
    absent = np.isnan(whole).sum(axis=0)
    assert all(absent[i] == 0 for i, signal in enumerate(stream.columns) if signal.kind is Kind.COUNTER)
    assert absent.sum() > 0


def test_a_site_that_cannot_be_simulated_is_refused_with_the_reason() -> None:
    empty = replace(site("jeonju"), assets=())
    with pytest.raises(ScenarioError, match="no assets"):
        build_plant(empty, seed=7, start_ns=START_NS)
    strange = replace(site("jeonju"), assets=(replace(site("jeonju").assets[0], type="teapot"),))
    with pytest.raises(ScenarioError, match="teapot"):
        build_plant(strange, seed=7, start_ns=START_NS)
    nowhere = replace(site("jeonju"), timezone="Asia/Atlantis")
    with pytest.raises(ScenarioError, match="Asia/Atlantis"):
        build_plant(nowhere, seed=7, start_ns=START_NS)
    arm = site("jeonju").assets[0]
    unknown = replace(site("jeonju"), assets=(replace(arm, attributes={**arm.attributes, "model": "r2d2"}),))
    with pytest.raises(ScenarioError, match="no arm model 'r2d2'; there are: ur10e"):
        build_plant(unknown, seed=7, start_ns=START_NS)


def test_the_demo_floor_has_room_for_everything_on_it() -> None:
    for name in SITES:
        here = site(name)
        width, depth = here.size_m
        for asset in here.assets:
            assert 0 < asset.pose.x_m < width, asset.id
            assert 0 < asset.pose.y_m < depth, asset.id
        standing = [(asset.pose.x_m, asset.pose.y_m) for asset in here.assets if asset.type != "mobile_robot"]
        apart = [np.hypot(a[0] - b[0], a[1] - b[1]) for i, a in enumerate(standing) for b in standing[:i]]
        assert min(apart) > 1.0
        boxes = {place.id: place.rect_m for place in here.places if place.rect_m is not None}
        for first, (x, y, w, d) in boxes.items():
            assert x >= 0 and y >= 0 and x + w <= width and y + d <= depth, first  # noqa: PT018
            for node in here.nodes:
                if node.kind != "charger":
                    assert not (x < node.x_m < x + w and y < node.y_m < y + d), (first, node.id)
            for second, (x2, y2, w2, d2) in boxes.items():
                if first < second and not second.startswith(f"{first}/"):
                    assert x + w <= x2 or x2 + w2 <= x or y + d <= y2 or y2 + d2 <= y, (first, second)
