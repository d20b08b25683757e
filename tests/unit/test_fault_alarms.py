"""Faults with known truth: each raises its alarm, and a plant without one raises none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from simulated_shift import CASES, DAY_S, SEVERITIES, SITES, folded, shift_of_faults, table_of

from twin.alarms import AlarmEventKind
from twin.simulation.faults import USES, FaultKind
from twin.simulation.plant import ASSET_TYPES

DAY = (pytest.mark.slow, pytest.mark.timeout(1800))
TOLD = json.loads((Path(__file__).parents[2] / "docs" / "reference" / "faults.json").read_text("utf-8"))


def shown(table):
    for key, row in table.items():
        delays = f"{row['soonest_s']} … {row['middle_s']} … {row['latest_s']} s"
        print(f"{key}: {row['told']} of {row['faults']} told after {delays} by {', '.join(row['alarms'])}")


@pytest.mark.parametrize(
    "severity", [max(SEVERITIES), *(pytest.param(one, marks=DAY) for one in sorted(SEVERITIES)[:-1])]
)
def test_each_fault_of_an_hour_is_told_and_nothing_else(severity):
    judgements = shift_of_faults(3600, severity)
    table = table_of(judgements)
    shown(table)
    kinds = {one.trouble.kind for judgement in judgements for one in judgement.verdicts}
    assert kinds >= set(FaultKind)
    for judgement in judgements:
        assert judgement.missed == ()
        assert judgement.false == ()
    for key, row in table.items():
        assert row["latest_s"] <= TOLD["days"][f"{severity:g}"]["rows"][key]["latest_s"], key


@pytest.mark.parametrize("site", SITES)
def test_a_quiet_hour_raises_nothing(site):
    shift = folded(site, (), 3600, step_s=5)
    assert shift.journal == []
    assert shift.troubles == []


@pytest.mark.parametrize("severity", [pytest.param(one, marks=DAY) for one in SEVERITIES])
def test_a_day_of_faults_is_told_as_the_reference_says(severity):
    judgements = shift_of_faults(DAY_S, severity)
    table = table_of(judgements)
    shown(table)
    assert table == TOLD["days"][f"{severity:g}"]["rows"]
    assert sum(len(one.false) for one in judgements) == TOLD["days"][f"{severity:g}"]["false"] == 0
    assert all(one.missed == () for one in judgements)


@pytest.mark.parametrize("site", [pytest.param(one, marks=DAY) for one in SITES])
def test_a_quiet_day_raises_nothing(site):
    raised = [one for one in folded(site, (), DAY_S, step_s=5).journal if one.kind is AlarmEventKind.RAISED]
    assert raised == []
    assert TOLD["quiet"] == 0


def test_every_kind_is_tried_and_every_alarm_it_may_raise_is_a_rule():
    assert set(CASES) == set(USES) == set(FaultKind)
    for use in USES.values():
        types = use.types or tuple(ASSET_TYPES)
        rules = {rule.name for name in types for rule in ASSET_TYPES[name].alarms}
        assert set(use.alarms) <= rules
        for name in types:
            assert set(use.alarms) & {rule.name for rule in ASSET_TYPES[name].alarms}, name
