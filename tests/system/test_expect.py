"""`twin expect` from a store: fits, what is published of them, how it comes back, and what the Cell page says of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace

import pytest
from one_arm import ARM, DEMO, SECONDS, START_NS, demo, healthy, told
from typer.testing import CliRunner

from connectors.desk import Desk, expectations
from connectors.expect.reading import fit_from
from connectors.expect.run import Arms
from connectors.factory_file import read_factory
from connectors.plugins import asset_types, make_decoder
from connectors.stores.sql import open_history, open_store
from dashboards.cli import app
from dashboards.pages.cell import with_expected
from dashboards.summary.expected import cell_expected, expected_cycle
from dashboards.view import PastView
from twin.clock import NS_PER_S, ManualClock
from twin.errors import ExpectationError
from twin.message import Message
from twin.ports import Commit, Folded
from twin.sample import Latest, batch_of
from twin.simulation.faults import Fault, FaultKind

END_NS = START_NS + SECONDS * NS_PER_S
KIND = asset_types()["robot_arm"]


def keep(url, *parts, n=1):
    """Store frames as ingest would, with what is newest of each stream."""
    newest = tuple(
        Latest(
            one.stream,
            int(one.t_ns[-1]),
            int(one.seq[-1]),
            int(one.received_ns[-1]),
            192,
            one.values[-1],
            one.texts[-1] if one.texts else (),
        )
        for one in parts
    )
    with closing(open_store(url)) as store:
        store.append(Commit(batch_of("w", n, int(parts[0].t_ns[-1]), parts)), lambda _: Folded((), newest))


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Twenty minutes of an arm, its first axis worse and worse from the tenth minute on."""
    address = f"sqlite:///{tmp_path_factory.mktemp('expect') / 'twin.db'}"
    fault = Fault(FaultKind.AXIS_FRICTION, ARM, at_s=600, for_s=300, severity=0.05)
    frames = told(SECONDS, faults=(fault,))
    keep(address, *(replace(one, received_ns=one.t_ns) for one in frames.values()))
    return address


def twin(url, *args):
    return CliRunner().invoke(app, ["expect", args[0], str(DEMO), "--url", url, *args[1:]])


@pytest.fixture(scope="module")
def fitted(url):
    ran = twin(url, "fit", "--asset", ARM, "--from", "2026-11-16T08:00:00+09:00", "--to", "2026-11-16T08:10:00+09:00")
    assert ran.exit_code == 0, ran.output
    assert "J1 ±1.2" in ran.output
    return url


def test_a_fit_is_kept_with_who_made_it_and_told_again(fitted):
    ran = twin(fitted, "show", "--json")
    (one,) = json.loads(ran.stdout)
    assert (one["asset"], one["n"], one["model"]) == (ARM, 1, "ur10e")
    assert one["who"].startswith("terminal")
    assert "viscous_n_m_s 11" in twin(fitted, "show").output


def test_a_time_with_a_fault_is_beyond_the_limit_and_one_without_is_not(fitted):
    well = twin(fitted, "show", "--from", "2026-11-16T08:02:00+09:00", "--to", "2026-11-16T08:10:00+09:00")
    assert well.exit_code == 0, well.output
    ill = twin(fitted, "show", "--from", "2026-11-16T08:10:00+09:00", "--json")
    assert ill.exit_code == 1
    joints = json.loads(ill.stdout)["arms"][0]["joints"]
    assert [one["joint"] for one in joints if one["beyond_s"]] == [1]
    assert 250 < joints[0]["beyond_s"] < 310


def test_where_no_arm_moved_or_there_is_none_nothing_is_fitted(url):
    assert twin(url, "fit", "--asset", "jeonju/weld/line1/R-102").exit_code == 1
    with closing(open_history(url)) as history, pytest.raises(ExpectationError, match="nothing is stored"):
        fit_from(history, demo().hub.assets()[ARM], START_NS - 10, START_NS)


def test_what_is_published_comes_back_as_the_arms_own_stream_and_the_page_shows_it_as_of_any_moment(fitted, tmp_path):
    factory = read_factory(DEMO)
    with closing(open_history(fitted)) as history, closing(Desk(fitted, ManualClock(END_NS))) as desk:

        def looked(now_ns, *looks, from_ns=None):
            arms = Arms({ARM}, KIND, from_ns)
            arms.take_up(history, desk, END_NS)
            return [list(arms.look(history, now_ns)) for _ in range(1 + len(looks))]

        sent, more = looked(END_NS, "again", from_ns=START_NS)
        assert (len(sent) > SECONDS - 5, more) == (True, [])
        assert looked(END_NS, from_ns=START_NS) == [sent]  # the same bytes: the store takes them for duplicates
        assert looked(END_NS + 60 * NS_PER_S) == [[]]  # the arm is not heard: a row of it would say that it is there
    source = next(one for one in factory.sources if one.name == "expect-jeonju")
    decoder = make_decoder(source.decoder, source.options, source.name, factory.hub)
    parts = [part for topic, payload in sent for part in decoder.decode(Message(topic, payload, END_NS))]
    assert {part.stream.id for part in parts} == {f"{ARM}:expectation"}
    (whole,) = batch_of("w", 2, END_NS, parts).frames
    keep(fitted, replace(whole, received_ns=whole.t_ns), n=2)
    with closing(open_history(fitted)) as history, closing(Desk(fitted, ManualClock(END_NS))) as desk:
        streams = list(history.streams().values())
        assert with_expected(f"{ARM}:effort.joint_2", streams) == [f"{ARM}:effort.joint_2", f"{ARM}:expected.joint_2"]
        fits = expectations.newest(desk)
        well, ill = (cell_expected(PastView(history, START_NS + s * NS_PER_S), ARM, fits) for s in (500, 700))
        for one in well["joints"]:
            assert one["measured"] == pytest.approx(one["expected"], rel=0.1, abs=1.0)
        assert all(one["residual"] is None or one["residual"] < well["limit"] for one in well["joints"])
        assert ill["joints"][0]["residual"] > ill["limit"]
        assert ill["joints"][0]["measured"] > 1.1 * ill["joints"][0]["expected"]
        assert well["fit"]["n"] == 1
        assert cell_expected(PastView(history, START_NS - NS_PER_S), ARM, {})["joints"] == []
        assert expected_cycle(PastView(history, END_NS), ARM)[0] == pytest.approx(52, abs=3)


def test_a_factory_that_does_not_ask_for_it_is_told_what_to_write(tmp_path):
    file = tmp_path / "factory.toml"
    file.write_text(DEMO.read_text("utf-8").replace("[expect]\nscore = true", "[expect]\nscore = false"), "utf-8")
    assert not [one.name for one in read_factory(file).sources if one.name.startswith("expect-")]
    ran = CliRunner().invoke(app, ["expect", "run", str(file), "--for", "1"])
    assert (ran.exit_code, "write [expect] score = true" in ran.output) == (2, True)
    assert "expectations of arms: not scored" in CliRunner().invoke(app, ["check", str(file)]).output
    assert "expectations of arms: scored as it comes in" in CliRunner().invoke(app, ["check", str(DEMO)]).output


def test_an_unfitted_plant_is_told_to_fit_first(tmp_path):
    address = f"sqlite:///{tmp_path / 'twin.db'}"
    keep(address, *healthy().values())
    ran = twin(address, "show")
    assert ran.exit_code == 1
    assert "twin expect fit" in ran.output
    assert isinstance(twin(address, "run", "--for", "1").exception, ExpectationError)
    for place in (address, f"sqlite:///{tmp_path / 'none.db'}"):
        waited = twin(place, "run", "--wait", "--for", "0.1")
        assert (waited.exit_code, "0 rows published" in waited.output) == (0, True)


def test_the_process_beside_the_hub_reads_its_store_from_the_environment_as_the_others_do(url, tmp_path):
    """A demo gives its processes the store as TOML does, in quotes; this one took it for an address of its own."""
    environ = {**os.environ, "TWIN__STORE__URL": f'"{url}"'}
    command = [sys.executable, "-m", "dashboards.cli", "expect", "run", str(DEMO), "--wait", "--for", "1"]
    ran = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.endswith("0 rows published\n"), ran.stderr
