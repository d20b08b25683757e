"""The desk: acts and their trail, alone and together, on SQLite and PostgreSQL."""

import threading
from itertools import pairwise

import pytest
from sqlalchemy import select

from connectors.desk import Desk, desk_url
from connectors.desk.tables import audit
from connectors.desk.trail import BEGINNING, row_hash
from twin.clock import ManualClock
from twin.errors import StoreUnavailable


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/data/twin.db"
        return
    with request.getfixturevalue("new_database")() as made:
        yield made


def rows(desk):
    with desk.reading() as connection:
        return connection.execute(select(audit).order_by(audit.c.n)).all()


def test_an_act_and_its_row_come_together(url):
    desk = Desk(url, ManualClock(5))
    desk.note("kim", "login", "kim", {"from": "10.0.0.1"})
    with pytest.raises(RuntimeError), desk.writing("kim", "alarm.shelve", "a:b"):
        raise RuntimeError("cut")
    detail: dict[str, object] = {}
    with desk.writing("lee", "note", "jeonju", detail):
        detail["text"] = "교대"
    kept = rows(desk)
    assert [(row.n, row.who, row.act, row.detail) for row in kept] == [
        (1, "kim", "login", '{"from":"10.0.0.1"}'),
        (2, "lee", "note", '{"text":"교대"}'),
    ]
    assert kept[0].before == BEGINNING
    assert kept[1].before == kept[0].sha256
    assert all(row.sha256 == row_hash(*row[:-1]) for row in kept)
    desk.close()


def test_many_at_once_leave_no_gap(url):
    desks = [Desk(url, ManualClock(9)) for _ in range(4)]
    threads = [
        threading.Thread(target=lambda one=one: [one.note("kim", "act", str(i)) for i in range(10)]) for one in desks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = rows(desks[0])
    assert [row.n for row in kept] == list(range(1, 41))
    assert all(row.before == last.sha256 for last, row in pairwise(kept))
    for desk in desks:
        desk.close()


def test_a_reader_waits_for_no_writer(tmp_path):
    url = f"sqlite:///{tmp_path}/twin.db"
    desk, other = Desk(url, ManualClock(1)), Desk(url, ManualClock(1))
    desk.note("kim", "act", "")
    with desk.writing("kim", "act", ""):
        assert len(rows(other)) == 1
    assert len(rows(other)) == 2
    desk.close()
    other.close()


def test_it_lies_beside_the_store_and_is_tried_again(tmp_path):
    assert desk_url("sqlite:///data/twin.db") == "sqlite:///data/twin-desk.db"
    assert desk_url("postgresql://db/twin") == "postgresql://db/twin"
    (tmp_path / "data").write_text("a file where the folder should be")
    desk = Desk(f"sqlite:///{tmp_path}/data/twin.db", ManualClock(1))
    with pytest.raises(StoreUnavailable, match="data"):
        desk.note("kim", "act", "")
    (tmp_path / "data").unlink()
    desk.note("kim", "act", "")
    desk.close()
