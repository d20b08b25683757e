"""`twin compare`: two recordings of a real store, the present, a scenario; what it says, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing

import numpy as np
import pytest
from terminal import twin

from connectors.compare import Choice, Reading
from connectors.compare import reading as reading_module
from connectors.desk import Desk
from connectors.desk.recordings import keep
from connectors.stores.sql import open_history, open_store
from connectors.wall_clock import WallClock
from twin.clock import NS_PER_S, iso_from_ns
from twin.compare import Extent
from twin.keyframes import KeyframePolicy
from twin.mirror import Mirror
from twin.ports import Commit, Folded
from twin.recording import Recording
from twin.sample import Kind, Role, Signal, batch_of, frame, stream_of

T0 = 1_795_328_000 * NS_PER_S
MS = 1_000_000
KEYS = ["signals", "events_only_a", "events_only_b", "kpis"]
ARM = stream_of(
    "jeonju/weld/R-1", "joints", [Signal("q0", unit="rad", role=Role.JOINT_POSITION), Signal("tau0", unit="N.m")],
    sequenced=True, period_s=0.1, source="a",
)  # fmt: skip
STATION = stream_of(
    "jeonju/weld/M-1", "status", [Signal("state", Kind.STATE, role=Role.STATE), Signal("good", Kind.COUNTER, role=Role.GOOD_COUNT)],
    period_s=1.0, source="a",
)  # fmt: skip
DOOR = stream_of("jeonju/weld/DOOR", "door", [Signal("open", Kind.FLAG)], source="a")
LATE_S = 0.4
"""How much later the second run moves."""


def state(t_s):
    return "Idle" if t_s % 60 < 5 else "Held" if 90 <= t_s < 95 else "Execute"


def written(url):
    """Two runs of a minute; the second moves 0.4 s later, 0.1 rad further, and is held once."""
    waves = np.cumsum(np.random.default_rng(3).normal(size=700)) * 0.05
    with closing(open_store(url)) as store:
        mirror, keyframes = Mirror(), KeyframePolicy()

        def fold(batch):
            events = mirror.apply(batch)
            return Folded(events, mirror.changed, keyframes.after("w", mirror))

        for second in range(120):
            parts = []
            for k in range(10 * second, 10 * second + 10):
                t_ns = T0 + k * 100 * MS
                at = 50 + k % 600 - (round(LATE_S * 10) if k >= 600 else 0)
                parts.append(frame(ARM, t_ns, k, t_ns, (waves[at] + (0.1 if k >= 600 else 0.0), 5.0)))
            t_ns = T0 + second * NS_PER_S
            parts.append(frame(STATION, t_ns, 2**62 + second, t_ns, (float(second // 20),), (state(second),)))
            if second in (0, 30, 66):
                parts.append(frame(DOOR, t_ns, 2**62 + second, t_ns, (float(second == 30),)))
            store.append(Commit(batch_of("w", second + 1, t_ns + 900 * MS, parts)), fold)
    return url


def times(start_s, end_s):
    return tuple(iso_from_ns(T0 + round(one * NS_PER_S), 9) for one in (start_s, end_s))


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    found = written(f"sqlite:///{tmp_path_factory.mktemp('compared')}/twin.db")
    with closing(Desk(found, WallClock())) as desk:
        for name, start_s in (("first", 0), ("second", 60)):
            keep(desk, "kim", Recording(name, "jeonju", T0 + start_s * NS_PER_S, T0 + (start_s + 60) * NS_PER_S))
    return found


def said(*arguments):
    ran = twin("compare", *arguments, "--json")
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert list(answer) == KEYS
    return answer


def by_signal(answer):
    return {row["signal"].rpartition(":")[2]: row for row in answer["signals"]}


def test_two_runs_differ_by_their_numbers_their_lag_their_events_and_their_figures(url):
    answer = said("first", "second", "--url", url)
    signals = by_signal(answer)
    joint = signals["q0"]
    assert (joint["signal"], joint["unit"], joint["n"], joint["lag_ms"]) == ("jeonju/weld/R-1:q0", "rad", 600, 400.0)
    assert joint["confidence"] == pytest.approx(1.0)
    assert 0 < joint["rms"] <= joint["max"]
    assert abs(joint["a"] - joint["b"]) == pytest.approx(joint["max"])
    assert (signals["tau0"]["rms"], signals["tau0"]["max"], signals["tau0"]["lag_ms"]) == (0.0, 0.0, None)
    assert signals["state"]["unequal"] == pytest.approx(5 / 60)
    assert (signals["state"]["at_s"], signals["state"]["a"], signals["state"]["b"]) == (30.0, "Execute", "Held")
    # Open from 30 s on in the first run, and until 6 s in the second, where it had been open before.
    assert signals["open"]["unequal"] == pytest.approx((6 + 30) / 60)
    assert [(one["t_s"], one["kind"]) for one in answer["events_only_a"]] == [(0.0, "AssetAppeared")] * 3
    only = [(one["t_s"], one["kind"], one["asset"], one["text"]) for one in answer["events_only_b"]]
    assert only == [
        (30.0, "StateChanged", "jeonju/weld/M-1", "Held"), (35.0, "StateChanged", "jeonju/weld/M-1", "Execute"),
    ]  # fmt: skip
    figures = {(one["of"], one["name"]): one for one in answer["kpis"]}
    station = figures["jeonju/weld/M-1", "availability"]
    assert station["a"] is not None
    assert station["difference"] == pytest.approx(station["a"] - station["b"])
    assert station["a"] > station["b"]
    assert figures["jeonju/weld/M-1", "oee"] == {
        "level": "asset", "of": "jeonju/weld/M-1", "name": "oee", "unit": "1", "a": None, "b": None, "difference": None,
    }  # fmt: skip


def test_a_recording_beside_itself_differs_in_nothing(url):
    answer = said("first", "first", "--url", url)
    assert (answer["events_only_a"], answer["events_only_b"]) == ([], [])
    assert {row["relative"] for row in answer["signals"]} == {0.0}
    assert {row["only"] for row in answer["signals"]} == {None}
    assert {one["difference"] for one in answer["kpis"]} <= {0.0, None}


def test_sides_exchanged_are_mirrored(url):
    there, back = (said(*sides, "--url", url) for sides in (("first", "second"), ("second", "first")))
    assert [row["lag_ms"] for row in by_signal(back).values() if row["lag_ms"]] == [-400.0]
    assert (there["events_only_a"], there["events_only_b"]) == (back["events_only_b"], back["events_only_a"])
    for one, other in zip(there["signals"], back["signals"], strict=True):
        assert (one["signal"], one["rms"], one["max"], one["unequal"]) == (
            other["signal"], other["rms"], other["max"], other["unequal"],
        )  # fmt: skip
    for one, other in zip(there["kpis"], back["kpis"], strict=True):
        assert (one["a"], one["b"]) == (other["b"], other["a"])


def test_aligned_by_the_lag_the_runs_lie_on_each_other(url):
    moved = by_signal(said("first", "second", "--url", url, "--align", "offset:-0.4"))["q0"]
    assert (moved["lag_ms"], moved["n"]) == (0.0, 596)
    assert moved["max"] == pytest.approx(0.1)
    assert moved["rms"] == pytest.approx(0.1)


def test_by_event_the_runs_are_laid_onto_a_state_a_cycle_or_what_both_have(url):
    ran = twin("compare", "first", "second", "--url", url, "--align", "event:Execute@M-1")
    assert ran.returncode == 0, ran.stderr
    assert "0 is StateChanged Execute of jeonju/weld/M-1" in ran.stdout
    assert "signals differ" in ran.stdout
    by_cycle = by_signal(said("first", "second", "--url", url, "--align", "event:cycle"))
    assert by_cycle["good"]["max"] == 0.0
    wrong = twin("compare", "first", "second", "--url", url, "--align", "event:Abort")
    assert (wrong.returncode, "both have" in wrong.stderr, "Execute" in wrong.stderr) == (2, True, True)


def test_intervals_and_the_present_are_sides_too(url):
    first, second = "..".join(times(0, 60)), "..".join(times(60, 120))
    assert said(first, second, "--url", url) == said("first", "second", "--url", url)
    live = said("first", "live", "--url", url)
    # It ends with the newest frame and so begins 0.1 s before the second run does: all of it comes later.
    assert by_signal(live)["q0"]["lag_ms"] == 500.0
    overlapping = by_signal(said("..".join(times(0, 90)), "..".join(times(30, 120)), "--url", url, "--align", "clock"))
    assert (overlapping["q0"]["n"], overlapping["q0"]["max"]) == (600, 0.0)


def test_one_asset_can_be_asked_for(url):
    answer = said("first", "second", "--url", url, "--asset", "R-1")
    assert set(by_signal(answer)) == {"q0", "tau0"}
    assert (answer["events_only_b"], answer["kpis"]) == ([], [])
    assert set(by_signal(said("first", "second", "--url", url, "--asset", "weld/M-1"))) == {"state", "good"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nope", "first"), ("A: there is no recording 'nope'", "first, second")),
        (("first", "simulated:x"), ("twin scenario run",)),
        (("live", "live"), ("both live",)),
        (("first", "14:03..14:05"), ("B: '14:03..14:05' is no interval", "ISO 8601")),
        (("first", "2026..2027"), ("B: nothing of 'jeonju' was measured from 1970",)),
        (("first", "second", "--align", "sideways"), ("'sideways'", "event:NAME")),
        (("first", "second", "--align", "clock"), ("no time in common", "offset")),
        (("first", "second", "--asset", "R-9"), ("A: nothing is stored",)),
        (("..".join(times(0, 60)), "live", "--site", "seoul"), ("seoul", "jeonju")),
    ],
)
def test_what_cannot_be_compared_is_refused_with_what_to_do(url, arguments, words):
    ran = twin("compare", *arguments, "--url", url, "--json")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert all(word in ran.stderr for word in words), ran.stderr


def test_a_long_side_is_thinned_by_each_k_th_frame_page_by_page(url, monkeypatch):
    monkeypatch.setattr(reading_module, "MAX_POINTS", 250)
    monkeypatch.setattr(reading_module, "PAGE_ROWS", 64)
    choice = Choice("x", "jeonju", Extent(T0, T0 + 60 * NS_PER_S), "interval", url)
    with closing(open_history(url)) as history:
        track = Reading(history, choice).track("jeonju/weld/R-1:q0")
        assert (track.every, len(track)) == (3, 200)
        assert (np.diff(track.t_ns) == 300 * MS).all()
        assert int(track.t_ns[0]) == T0


def test_what_is_sent_on_change_begins_with_what_it_was(url):
    choice = Choice("x", "jeonju", Extent(T0 + 40 * NS_PER_S, T0 + 50 * NS_PER_S), "interval", url)
    with closing(open_history(url)) as history:
        door = Reading(history, choice).track("jeonju/weld/DOOR:open")
    assert (door.t_ns.tolist(), door.values.tolist(), door.fresh_ns) == ([T0 + 30 * NS_PER_S], [1.0], None)


def test_every_row_goes_to_a_file_for_a_spreadsheet(url, tmp_path):
    file = tmp_path / "apart.csv"
    ran = twin("compare", "first", "second", "--url", url, "--json", "--csv", file)
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"))))
    assert f"{len(rows)} rows" in ran.stderr
    assert [row["name"] for row in rows if row["what"] == "signal"] == [row["signal"] for row in answer["signals"]]
    assert [float(row["at_s"]) for row in rows if row["only"] == "b"] == [row["t_s"] for row in answer["events_only_b"]]
    assert {row["what"] for row in rows} == {"signal", "event", "kpi"}
    assert twin("compare", "first", "second", "--url", url, "--csv", tmp_path / "no" / "where.csv").returncode == 3


SCENARIO = """
name = "twist"
site = "changwon"
seed = {seed}
start = 2026-11-16T09:00:00+09:00
duration_s = 20
batch_s = 5
"""


def test_a_scenario_is_a_side(url, tmp_path):
    for seed in (1, 2):
        (tmp_path / "twist.toml").write_text(SCENARIO.format(seed=seed), "utf-8")
        ran = twin("scenario", "run", tmp_path / "twist.toml", "--folder", tmp_path / "simulated")
        assert ran.returncode == 0, ran.stderr
    answer = said("simulated:twist@1", "simulated:twist@2", "--url", url, "--folder", tmp_path / "simulated")
    signals = [row for row in answer["signals"] if not row["only"]]
    assert len(signals) > 50
    # Two scenarios need no store, and one may be called by its name.
    alone = said("simulated:twist@1", "simulated:twist@2", "--folder", tmp_path / "simulated")
    assert alone["signals"] == answer["signals"]
    by_name = twin("compare", "first", "twist", "--url", url, "--folder", tmp_path / "simulated")
    assert "B  simulated:twist@" in by_name.stdout, by_name.stderr
    nowhere = twin("compare", "first", "twist", "--folder", tmp_path / "simulated")
    assert (nowhere.returncode, "--url" in nowhere.stderr) == (2, True)
    assert any(row["relative"] for row in signals)
    # Another site's plant is compared below its site: nothing is there under the same name.
    apart = said("first", "simulated:twist", "--url", url, "--folder", tmp_path / "simulated")
    assert {row["only"] for row in apart["signals"]} == {"a", "b"}
    assert "weld/R-1:q0" in {row["signal"] for row in apart["signals"]}


@pytest.mark.postgres
@pytest.mark.slow
def test_a_store_in_postgresql_says_the_same(url, new_database):
    with new_database() as elsewhere:
        written(elsewhere)
        first, second = "..".join(times(0, 60)), "..".join(times(60, 120))
        assert said(first, second, "--url", elsewhere) == said(first, second, "--url", url)
