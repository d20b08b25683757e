"""Whether the trail shows what was done to it: an edit, a deletion, a cut end, a chain computed anew."""

import pytest
from sqlalchemy import delete, select, update

from connectors.desk import Desk
from connectors.desk.heads import keep, kept
from connectors.desk.proof import last_head, told, verify
from connectors.desk.tables import audit
from connectors.desk.trail import row_hash
from twin.clock import ManualClock


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def desk(request, tmp_path):
    def filled(url):
        made = Desk(url, ManualClock(5), tmp_path)
        for i in range(1, 8):
            made.note("kim", "act", str(i), {"i": i})
        return made

    if request.param == "sqlite":
        made = filled(f"sqlite:///{tmp_path}/twin.db")
        yield made
        made.close()
        return
    with request.getfixturevalue("new_database")() as url:
        made = filled(url)
        yield made
        made.close()


def behind_its_back(desk, *statements):
    with desk._opened().begin() as connection:
        for one in statements:
            connection.execute(one)


def wrong(desk, exported=""):
    return [(one.n, one.what) for one in verify(desk, exported).broken]


def test_what_was_not_touched_is_whole(desk):
    found = verify(desk, last_head(desk).sha256)
    assert found.ok
    assert (found.rows, found.head.n, found.witnesses) == (7, 7, 8)
    assert [row["detail"]["i"] for row in told(desk)] == list(range(1, 8))


def test_a_trail_that_never_was_is_whole(tmp_path):
    desk = Desk(f"sqlite:///{tmp_path}/twin.db", ManualClock(1))
    assert verify(desk).ok
    assert last_head(desk) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("column", ["who", "act", "subject", "detail", "at_ns"])
def test_an_edit_shows_at_its_row(desk, column):
    value = {"at_ns": 6}.get(column, '{"i":9}')
    behind_its_back(desk, update(audit).where(audit.c.n == 3).values({column: value}))
    assert wrong(desk) == [(3, "edited")]


def test_an_edit_with_its_own_hash_computed_anew_shows(desk):
    with desk.reading() as connection:
        row = connection.execute(select(audit).where(audit.c.n == 3)).one()
    forged = row_hash(3, row.at_ns, "lee", row.act, row.subject, row.detail, row.before)
    behind_its_back(desk, update(audit).where(audit.c.n == 3).values(who="lee", sha256=forged))
    assert wrong(desk) == [(3, "rewritten"), (4, "unlinked")]


def test_a_chain_computed_anew_from_there_on_shows_by_the_heads_outside(desk):
    with desk.reading() as connection:
        rows = connection.execute(select(audit).where(audit.c.n >= 5).order_by(audit.c.n)).all()
    before, changes = rows[0].before, []
    for row in rows:
        forged = row_hash(row.n, row.at_ns, "lee", row.act, row.subject, row.detail, before)
        changes.append(update(audit).where(audit.c.n == row.n).values(who="lee", before=before, sha256=forged))
        before = forged
    exported = last_head(desk).sha256
    behind_its_back(desk, *changes)
    assert wrong(desk, exported) == [(5, "rewritten"), (6, "rewritten"), (7, "rewritten"), (7, "unknown_head")]


@pytest.mark.parametrize(("gone", "first"), [((1,), 1), ((4,), 4), ((3, 4, 5), 3)])
def test_a_deletion_shows_at_its_row(desk, gone, first):
    behind_its_back(desk, delete(audit).where(audit.c.n.in_(gone)))
    assert wrong(desk) == [(first, "deleted")]


def test_a_cut_end_shows_by_the_heads_outside(desk):
    behind_its_back(desk, delete(audit).where(audit.c.n > 5))
    assert wrong(desk) == [(6, "cut")]
    desk.note("lee", "act", "in its place")
    assert wrong(desk) == [(6, "rewritten"), (7, "cut")]


def test_a_cut_end_shows_by_an_exported_head_where_the_file_was_cut_too(desk):
    exported = last_head(desk).sha256
    behind_its_back(desk, delete(audit).where(audit.c.n > 5))
    desk.heads.unlink()
    assert verify(desk).ok, "nothing outside knows of it"
    assert wrong(desk, exported) == [(5, "unknown_head")]


def test_everything_gone_shows(desk):
    behind_its_back(desk, delete(audit))
    assert wrong(desk) == [(1, "cut")]


def test_a_head_that_cannot_be_written_does_not_undo_the_act(desk, caplog):
    lines = len(kept(desk.heads))
    desk.heads.unlink()
    desk.heads.mkdir()
    desk.note("kim", "act", "8")
    assert "not kept" in caplog.text
    desk.heads.rmdir()
    assert lines == 7
    assert verify(desk).rows == 8
    assert verify(desk).ok


def test_lines_that_are_none_are_left_out(tmp_path, desk):
    desk.heads.write_bytes(desk.heads.read_bytes() + b"\xff\n1 2\nx y z\n" + b"8 5 cut-off-li")
    assert len(kept(desk.heads)) == 8
    keep(tmp_path / "nowhere" / "x", kept(desk.heads)[0])
    assert not (tmp_path / "nowhere").exists()
