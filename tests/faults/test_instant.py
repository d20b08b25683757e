"""The state at an instant is the live one, captured then: from the database, from the archive, from several writers."""

from __future__ import annotations

import json
import random
from contextlib import closing

import pytest
from terminal import twin
from writing import ARM, CELL, DOOR, T0, Writer, part_of, postgres_answers, server_database, sqlite_url

from connectors.archive.layout import DAY_NS
from connectors.archive.move import transaction
from connectors.archive.run import archive
from connectors.stores.sql import open_history
from twin.clock import NS_PER_S, ManualClock, iso_from_ns
from twin.errors import RecordingError
from twin.instant import mirror_at, told
from twin.keyframes import verify

STEP_NS = 5 * NS_PER_S
"""No longer than ingest may take for a batch: else nobody's silence counts."""
HOUR_NS = 3600 * NS_PER_S
BEGIN_NS = T0 + 17 * HOUR_NS + 2200 * NS_PER_S
"""Ten minutes before midnight."""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield sqlite_url(tmp_path)
        return
    if not postgres_answers():
        pytest.skip("no PostgreSQL server answers at 127.0.0.1:5432")
    with server_database("instant") as place:
        yield place


def changed(writer, *statements):
    """Change what is stored, behind the writer's back."""
    with transaction(writer.store._driver):
        for statement in statements:
            writer.store._driver.run(*statement)


def recorded(url, batches=220, name="ingest"):
    """A store written live over eighteen minutes, and what the live mirror was after each batch: (tick, told)."""
    captured = []
    with closing(Writer(url, name)) as writer:
        for k in range(batches):
            # Now and then nothing comes for 25 seconds: assets are lost, and return.
            parts = (
                []
                if k % 50 > 44
                else [part_of(stream, k, 1, t0_ns=BEGIN_NS, step_ns=STEP_NS) for stream in (ARM, CELL, DOOR)]
            )
            writer.append(*parts, tick_ns=BEGIN_NS + k * STEP_NS + 5_000_000)
            captured.append((writer.mirror.tick_ns, told(writer.mirror)))
    return captured


def test_the_state_at_an_instant_is_the_live_one_captured_then_hot_and_archived(url, tmp_path):
    captured = recorded(url)
    chosen = [0, 1, 2, len(captured) - 1, *random.Random(6).sample(range(len(captured)), 40)]

    def compare():
        with closing(open_history(url)) as history:
            for place in chosen:
                tick_ns, state = captured[place]
                assert told(mirror_at(history, "ingest", tick_ns)) == state
                assert told(mirror_at(history, "ingest", tick_ns + STEP_NS - 1)) == state, "until the next one"
            assert mirror_at(history, "ingest", captured[0][0] - 1).n == 0, "nothing before the first batch"
            assert verify(history).coverage == 1.0

    assert any(asset["lost"] for _, state in captured for asset in state["assets"].values())
    compare()
    moved = archive(url, tmp_path / "archive", captured[-1][0] // DAY_NS * DAY_NS, ManualClock(T0 + 10 * DAY_NS))
    assert moved.let_go > 0
    compare()


def test_state_prints_the_whole_mirror_canonically_and_says_so_where_nothing_is_kept(tmp_path):
    url = sqlite_url(tmp_path)
    tick_ns, state = recorded(url, 30)[20]

    def asked(at):
        return twin("state", "--url", url, "--at", at, "--json")

    first, again = asked(iso_from_ns(tick_ns, 9)), asked(iso_from_ns(tick_ns, 9))
    assert first.returncode == 0, first.stderr
    assert first.stdout == again.stdout
    assert json.loads(first.stdout) == {"at_ns": tick_ns, "writers": {"ingest": json.loads(json.dumps(state))}}
    assert asked("yesterday").returncode == 2
    with closing(Writer(url)) as writer:
        removed = (
            "INSERT INTO removal (kind, writer, from_n, to_n, from_ns, to_ns, row_count, why, at_ns) "
            "VALUES ('raw', 'ingest', 1, 4, 0, 1, 1, 'age', 1)"
        )
        changed(writer, ("DELETE FROM batch WHERE n < 5",), ("DELETE FROM keyframe",), (removed,))
    gone = asked(iso_from_ns(tick_ns, 9))
    assert gone.returncode == 1
    assert "kept no longer" in gone.stderr


def test_where_the_writers_clock_ran_back_the_state_is_that_of_the_ticks_as_they_counted(tmp_path):
    url = sqlite_url(tmp_path)
    captured = []
    with closing(Writer(url)) as writer:
        for k, tick_s in enumerate((0, 30, 60, 900, 905)):
            writer.append(part_of(ARM, k, 1), tick_ns=T0 + tick_s * NS_PER_S)
            captured.append((writer.mirror.tick_ns, told(writer.mirror)))
        # Another process wrote under this name, its clock ten minutes behind: its ticks are as it told them.
        for k, tick_s in enumerate((300, 310, 1000), 5):
            batch = part_of(ARM, k, 1)
            writer.mirror.tick_ns, kept = 0, writer.mirror.tick_ns
            writer.append(batch, tick_ns=T0 + tick_s * NS_PER_S)
            writer.mirror.tick_ns = max(kept, writer.mirror.tick_ns)
    with closing(open_history(url)) as history:
        assert mirror_at(history, "ingest", T0 + 500 * NS_PER_S).n == 3
        assert mirror_at(history, "ingest", T0 + 905 * NS_PER_S).n == 7
        assert told(mirror_at(history, "ingest", T0 + 60 * NS_PER_S)) == captured[2][1]


def test_a_range_is_verified_from_the_keyframe_before_it_and_a_flipped_bit_in_it_is_found(url):
    captured = recorded(url, 220)
    start_ns, end_ns = captured[101][0], captured[161][0]
    with closing(open_history(url)) as history:
        whole, part = verify(history), verify(history, None, start_ns, end_ns)
        assert (whole.mismatches, part.mismatches) == ((), ())
        assert 60 <= part.batches <= 72
        assert part.coverage == 1.0
        assert verify(history, None, end_ns + 10 * HOUR_NS, end_ns + 11 * HOUR_NS).batches <= 12
        row = history.ask("SELECT id, received_ns FROM frame WHERE batch = ? ORDER BY id LIMIT 1", (130,))[0]
    with closing(Writer(url)) as writer:
        changed(writer, ("UPDATE frame SET received_ns = ? WHERE id = ?", (row[1] ^ 1, row[0])))
    with closing(open_history(url)) as history:
        found = verify(history, None, start_ns, end_ns).mismatches
        assert {(one.what, one.n) for one in found} >= {("checksum", 130)}
        assert verify(history, None, captured[200][0], captured[219][0]).mismatches == ()


def test_a_moment_whose_batches_are_gone_is_refused_not_guessed(tmp_path):
    url = sqlite_url(tmp_path)
    captured = recorded(url, 40)
    with closing(Writer(url)) as writer:
        changed(writer, ("DELETE FROM batch WHERE n = 11",), ("DELETE FROM keyframe WHERE n BETWEEN 10 AND 30",))
    with closing(open_history(url)) as history:
        with pytest.raises(RecordingError, match="batches 11 to 11"):
            mirror_at(history, "ingest", captured[11][0])
        assert mirror_at(history, "ingest", captured[8][0]).n == 9
