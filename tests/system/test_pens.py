"""Groups of pens on the desk: whose they are, who may change them, and the trail of it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from connectors.desk import Desk, pens
from connectors.desk.tables import audit
from twin.clock import ManualClock


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def desk(request, tmp_path):
    if request.param == "sqlite":
        opened = Desk(f"sqlite:///{tmp_path}/twin.db", ManualClock(7))
        yield opened
        opened.close()
        return
    with request.getfixturevalue("new_database")() as url:
        opened = Desk(url, ManualClock(7))
        yield opened
        opened.close()


def group(name, *, shared=False, **more):
    return pens.PenGroup("", "", name, name, shared, ("jeonju/weld/R-1:torque_2",), 600.0, **more)


def acts(desk):
    with desk.reading() as connection:
        return [(row.who, row.act) for row in connection.execute(select(audit).order_by(audit.c.n))]


def test_a_group_is_its_owners_until_it_is_shared(desk):
    mine = pens.save(desk, "kim", group("용접 토크", shift_s=3600.0))
    pens.save(desk, "lee", group("교대", shared=True))
    assert [one.name_ko for one in pens.groups(desk, "kim")] == ["교대", "용접 토크"]
    assert [one.name_ko for one in pens.groups(desk, "park")] == ["교대"]
    assert pens.groups(desk, "kim")[1] == mine
    assert mine.changed_ns == 7
    assert mine.shift_s == 3600.0


def test_only_its_owner_changes_or_removes_it(desk):
    kept = pens.save(desk, "kim", group("a", shared=True))
    other = pens.PenGroup(kept.id, "", "b", "b", False, ("x/y:z",), 60.0)
    assert pens.save(desk, "lee", other) is None
    assert not pens.remove(desk, "lee", kept.id)
    assert pens.groups(desk, "lee") == [kept]
    changed = pens.save(desk, "kim", other)
    assert pens.groups(desk, "kim") == [changed]
    assert pens.groups(desk, "lee") == []
    assert pens.remove(desk, "admin", kept.id, of_others=True)
    assert pens.groups(desk, "kim") == []
    assert acts(desk) == [("kim", "pens.save"), ("kim", "pens.save"), ("admin", "pens.remove")]


def test_nobody_keeps_more_than_there_is_room_for(desk, monkeypatch):
    monkeypatch.setattr(pens, "MAX_GROUPS", 2)
    assert pens.save(desk, "kim", group("a"))
    assert pens.save(desk, "kim", group("b"))
    assert pens.save(desk, "kim", group("c")) is None
    assert pens.save(desk, "lee", group("c"))
