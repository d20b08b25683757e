"""Rules that people give: whole ones, changes of a type's, and what is wrong with them."""

from __future__ import annotations

import pytest

from connectors.factory_file import factory_of
from connectors.plugins import rules_of
from twin.alarms import Bound, Deviation, InState, Limit, Priority, Rate, Stale
from twin.errors import ConfigError
from twin.sample import Role
from twin.site import Name

HEAD = """
[hub]
id = "h"
name = "H"
[[site]]
id = "jeonju"
name = "전주"
region = "전북"
timezone = "Asia/Seoul"
size_m = [10.0, 10.0]
[[site.asset]]
id = "weld/R-1"
type = "robot_arm"
name = "R-1"
[[site.asset]]
id = "weld/R-2"
type = "robot_arm"
name = "R-2"
[[site.asset]]
id = "pack/C-1"
type = "conveyor"
name = "C-1"
"""
R1, R2, C1 = "jeonju/weld/R-1", "jeonju/weld/R-2", "jeonju/pack/C-1"
TEXTS = 'label = { ko = "가", en = "A" }\naction = "보십시오"\n'


def rules(tmp_path, *tables):
    text = HEAD + "".join(f"[[alarm]]\n{table}\n" for table in tables)
    found = rules_of(factory_of(text.encode(), tmp_path / "factory.toml", {}))
    return {asset: {rule.name: rule for rule in found(asset)} for asset in (R1, R2, C1)}


def wrong(tmp_path, *tables):
    with pytest.raises(ConfigError) as error:
        rules(tmp_path, *tables)
    return [(one.key, one.problem) for one in error.value.mistakes]


def test_a_whole_rule_of_each_kind(tmp_path):
    found = rules(
        tmp_path,
        f'asset = "{R1}"\nname = "hot"\nwhen = "limit"\nsignal = "power"\nlimit = "HiHi"\nvalue = 900\ndeadband = 5\n'
        f'priority = "high"\non_delay_s = 2\nlatching = true\n{TEXTS}',
        f'under = "jeonju/weld"\nname = "climbs"\nwhen = "rate"\nrole = "power"\nper_s = 1.5\nwithin_s = 10\n{TEXTS}',
        f'type = "conveyor"\nname = "off"\nwhen = "state"\nstates = ["Stopped"]\n{TEXTS}',
        f'asset = "{R1}"\nname = "apart"\nwhen = "deviation"\nsignal = "a"\nother = "b"\nlimit = "Lo"\nvalue = -2\n{TEXTS}',
        f'asset = "{C1}"\nname = "mute"\nwhen = "stale"\nstream = "status"\n{TEXTS}',
    )
    hot = found[R1]["hot"]
    assert (hot.priority, hot.on_delay_s, hot.latching) == (Priority.HIGH, 2.0, True)
    assert (hot.label, hot.consequence, hot.action) == (Name("가", "A"), Name("가", "A"), Name("보십시오", "보십시오"))
    assert isinstance(hot.condition, Limit)
    assert (hot.condition.bound, hot.condition.value, hot.condition.deadband) == (Bound.HIHI, 900.0, 5.0)
    for asset in (R1, R2):
        climbs = found[asset]["climbs"].condition
        assert isinstance(climbs, Rate)
        assert (climbs.on.role, climbs.per_s, climbs.within_s) == (Role.POWER, 1.5, 10.0)
    assert "hot" not in found[R2]
    assert "climbs" not in found[C1]
    assert found[C1]["off"].condition == InState(frozenset({"Stopped"}))
    assert isinstance(found[R1]["apart"].condition, Deviation)
    assert found[C1]["mute"].condition == Stale("status")


def test_a_types_rule_is_changed_or_switched_off_and_later_tables_lie_over_earlier_ones(tmp_path):
    own = rules(tmp_path)
    name, rule = next((n, one) for n, one in own[R1].items() if isinstance(one.condition, Limit))
    found = rules(
        tmp_path,
        f'type = "robot_arm"\nname = "{name}"\nvalue = 61.5\npriority = "critical"',
        f'asset = "{R2}"\nname = "{name}"\ndisabled = true',
        f'asset = "{R1}"\nname = "{name}"\nvalue = 62.5',
    )
    changed = found[R1][name]
    assert (changed.condition.value, changed.condition.on, changed.priority) == (
        62.5,
        rule.condition.on,
        Priority.CRITICAL,
    )
    assert (changed.label, changed.action) == (rule.label, rule.action)
    assert name not in found[R2]
    assert found[C1] == own[C1]


@pytest.mark.parametrize(
    ("table", "key"),
    [
        (f'asset = "{R1}"\ntype = "conveyor"\nname = "x"\ndisabled = true', "asset"),
        ('asset = "jeonju/weld/R-9"\nname = "silent"\ndisabled = true', "asset"),
        ('under = "jeonju/paint"\nname = "silent"\ndisabled = true', "under"),
        (f'asset = "{R1}"\nname = "nothing"\ndisabled = true', "name"),
        (f'asset = "{R1}"\nname = "silent"\nvalue = 3', "value"),
        (f'asset = "{R1}"\nname = "silent"', "when"),
        (f'asset = "{R1}"\nname = "a:b"\nwhen = "stale"\n{TEXTS}', "name"),
        (f'asset = "{R1}"\nname = "x"\nwhen = "never"\n{TEXTS}', "when"),
        (f'asset = "{R1}"\nname = "x"\nwhen = "limit"\nlimit = "High"\nsignal = "q"\n{TEXTS}', "limit"),
        (f'asset = "{R1}"\nname = "x"\nwhen = "limit"\nlimit = "Hi"\nsignal = "q"\nrole = "power"\n{TEXTS}', "signal"),
        (f'asset = "{R1}"\nname = "x"\nwhen = "rate"\nsignal = "q"\nper_s = 1\nwithin_s = 2\n{TEXTS}', "within_s"),
        (f'asset = "{R1}"\nname = "x"\nwhen = "stale"\non_delay_s = -1\n{TEXTS}', "on_delay_s"),
        (f'asset = "{R1}"\nname = "x"\nwhen = "stale"\npriority = "urgent"\n{TEXTS}', "priority"),
        (f'asset = "{R1}"\nname = "x"\nwhen = "stale"\nlabel = "a"', "action"),
        (f'asset = "{R1}"\nname = "x"\nwhen = "stale"\nvalue = 3\n{TEXTS}', "value"),
    ],
)
def test_each_mistake_is_told_where_it_is(tmp_path, table, key):
    assert [key for key, _ in wrong(tmp_path, table)] == [f"alarm[0].{key}"]


def test_all_mistakes_are_told_together(tmp_path):
    found = wrong(
        tmp_path, f'asset = "{R1}"\nname = "x"\nwhen = "stale"\nprio = "low"\n{TEXTS}', "name = 'y'\ndisabled = true"
    )
    assert [key for key, _ in found] == ["alarm[0].prio", "alarm[1].asset"]
