"""Scenarios: the ten of the library come out as they are written down, and mistakes are told all together."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from simulated_shift import demo

from connectors.plugins import rules_of
from connectors.scenarios import read_scenario
from twin.alarms import AlarmEventKind
from twin.errors import ConfigError
from twin.mirror import Mirror
from twin.scenario import Playing, parse_scenario
from twin.simulation.changes import Setting
from twin.simulation.faults import FaultKind

ROOT = Path(__file__).parents[2]
LIBRARY = sorted((ROOT / "examples" / "scenarios").glob("*.toml"))
DEMO = ROOT / "dashboards" / "demo" / "factory.toml"
SHORT = {"name": "s", "site": "changwon", "start": "2026-11-16T09:00:00+09:00", "duration_s": 60, "seed": 3}


def parsed(**data):
    factory = demo()
    return parse_scenario({**SHORT, **data}, factory.hub, rules_of(factory))


def playing(scenario, seed=None):
    return Playing(scenario, demo().hub, rules_of(demo()), seed)


def mistakes(**data):
    with pytest.raises(ConfigError) as caught:
        parsed(**data)
    return [str(one) for one in caught.value.mistakes]


def test_the_library_holds_ten_scenarios_each_with_its_hash():
    assert len(LIBRARY) == 10
    assert all('\nhash = "' in path.read_text("utf-8") for path in LIBRARY)


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_a_scenario_of_the_library_comes_out_as_expected_to_the_bit(path):
    scenario, factory = read_scenario(path, DEMO)
    assert scenario.name == path.stem
    played = Playing(scenario, factory.hub, rules_of(factory)).run()
    assert [one for one in played.verdicts if not one.met] == []


def test_the_same_seed_gives_the_same_hash_and_another_seed_another():
    scenario = parsed()
    assert playing(scenario).run().sha256 == playing(scenario).run().sha256 != playing(scenario, 4).run().sha256


def test_under_another_seed_the_hash_is_not_asked():
    scenario = parsed(expect=[{"hash": "0" * 64}])
    assert playing(scenario).run().verdicts[0].met is False
    assert playing(scenario, 4).run().verdicts[0].met is None
    assert playing(scenario, 4).run().is_met


def test_how_often_batches_are_cut_changes_no_latest_value():
    ends = []
    for batch_s in (2.0, 5.0):
        run = playing(parsed(batch_s=batch_s))
        run.run()
        ends.append({stream: (one.t_ns, one.values.tobytes()) for stream, one in run.mirror.latest.items()})
    assert ends[0] == ends[1]


def test_what_is_folded_again_is_what_was_told():
    run = playing(parsed())
    mirror = Mirror()
    for batch in run.batches():
        folded = run.fold(batch)
        assert mirror.apply(batch) == folded.events
    assert mirror.sha256() == run.mirror.sha256()


def test_an_expectation_that_fails_says_what_was_found_instead():
    played = playing(
        parsed(
            expect=[
                {"state": "Aborted", "asset": "machining/line1/MT-02"},
                {"kpi": "throughput", "of": "machining/line1", "low": 1e6},
                {"alarm": "machining/line1/MT-02:aborted", "within_s": 60},
                {"signal": "spindle_speed", "asset": "machining/line1/MT-02", "above": 1e9},
                {"event": "AssetAppeared", "at_most": 1},
            ]
        )
    ).run()
    assert [one.met for one in played.verdicts] == [False] * 5
    assert played.verdicts[1].found.endswith("/h")
    assert played.verdicts[2].found == "not raised"
    assert played.verdicts[3].found.startswith("from ")
    assert not played.is_met


def test_an_alarm_that_must_not_be_raised_is_found_when_it_is():
    step = {"fault": "network_cut", "asset": "machining/line2/MT-06", "at_s": 5, "for_s": 40}
    alarm = "machining/line2/MT-06:silent"
    told = playing(parsed(step=[step], expect=[{"alarm": alarm, "never": True}, {"alarm": alarm, "within_s": 1}])).run()
    assert [one.met for one in told.verdicts] == [False, False]
    assert told.verdicts[0].found.startswith("raised at ")


def test_a_setting_changes_a_station_from_its_time_on():
    asset = "changwon/machining/line1/MT-01"
    scenario = replace(parsed(duration_s=600), settings=(Setting(0.1, asset, "cycle_s", 30.0),))
    fast, slow = playing(scenario), playing(parsed(duration_s=600))
    made = []
    for run in (fast, slow):
        run.run()
        latest = run.mirror.latest[f"{asset}:data"]
        names = [signal.name for signal in latest.stream.columns]
        made.append(latest.values[names.index("good_count")] + latest.values[names.index("scrap_count")])
    assert made[0] > made[1] + 2


def test_a_file_with_mistakes_is_told_all_of_them_with_what_to_write():
    told = mistakes(
        site="changwon",
        duration_s=-1,
        start="yesterday",
        speed=2,
        step=[
            {"fault": "grip_lots", "asset": "machining/line1/MT-01"},
            {"fault": "grip_lost", "asset": "machining/line1/MT-01"},
            {"set": "cycle_s", "to": 2.0, "asset": "machining/line1/MT-01", "at_s": 1e9},
            {"send": "ST-1", "fault": "grip_lost", "asset": "machining/line1/MT-1"},
        ],
        expect=[{"alarm": "machining/line1/MT-01:burning"}, {"state": "Asleep", "asset": "x"}, {"kpi": "oee"}, {}],
    )
    text = "\n".join(told)
    for words in (
        "duration_s:",
        "start: yesterday is no time",
        "speed: unknown key",
        "did you mean 'grip_lost'?",
        "grip_lost happens to robot_arm",
        "step[2].at_s:",
        "cycle_s = 2 is no number from 8 to 3600",
        "a step is one of fault, set, send",
        "did you mean 'machining/line1/MT-01'?",
        "has no alarm 'burning'",
        "'Asleep' is no state",
        "write low or high",
        "an expectation is one of",
    ):
        assert words in text, words


def test_every_kind_of_fault_can_be_asked_for():
    for kind in FaultKind:
        found = [path for path in LIBRARY if f'fault = "{kind}"' in path.read_text("utf-8")]
        if not found:
            assert kind in (
                FaultKind.SENSOR_STUCK,
                FaultKind.SENSOR_DRIFT,
                FaultKind.SENSOR_DROPOUT,
                FaultKind.TOOL_WEAR,
            )


def test_the_journal_of_a_scenario_has_what_its_expectation_says():
    path = next(path for path in LIBRARY if path.stem == "cut-network")
    data = tomllib.loads(path.read_text("utf-8"))
    scenario = parse_scenario({**data, "duration_s": 700}, demo().hub, rules_of(demo()))
    run = Playing(scenario, demo().hub, rules_of(demo()))
    kinds = [one.kind for batch in run.batches() for one in run.fold(batch).alarms.events]
    assert kinds == [AlarmEventKind.RAISED, AlarmEventKind.CLEARED]
