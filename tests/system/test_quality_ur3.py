"""A real robot's episodes judged, kept as labels, and stopped at the gate, by the commands that a steward types."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select
from terminal import twin

from connectors.desk import Desk
from connectors.desk.exports import exports
from connectors.desk.tables import audit
from connectors.wall_clock import WallClock

EPISODES = 249


@pytest.fixture
def cut(ur3):
    url, file = ur3
    twin("episodes", "cut", "--url", url, "--factory", file)
    return "--url", url, "--factory", file


def test_each_episode_is_judged_and_the_verdict_is_kept_once(cut):
    told = json.loads(twin("episodes", "quality", *cut, "--json").stdout)
    assert told["episodes"] == EPISODES
    assert sum(told["verdicts"].values()) == EPISODES
    assert told["verdicts"]["defect"] == 0
    assert told["kept"] in (0, EPISODES)
    assert told["checks"]["gaps"]["risk"] == 21
    assert told["checks"]["lag"] == {"not_assessed": EPISODES}, "no commands are recorded"
    assert told["checks"]["sparc"] == {"not_assessed": EPISODES}, "1 Hz is too slow"
    assert {one["check"] for one in told["sets"]["ur3/lab/cell1/UR3"]} == {
        "duplicate", "coverage", "amount", "balance",
    }  # fmt: skip
    assert set(told["axes"]) == {"validity", "accuracy", "diversity"}
    assert json.loads(twin("episodes", "quality", *cut, "--json").stdout)["kept"] == 0
    again = json.loads(twin("episodes", "cut", *cut, "--json").stdout)
    assert again["kept"]["labels"] == 0, "the same cut leaves the verdicts"
    risky = json.loads(twin("episodes", "list", *cut, "--episodes", "quality=risk", "--json").stdout)
    assert risky["episodes"] == told["verdicts"]["risk"]
    assert all("risk" in one["quality"] for one in risky["list"])


def test_what_has_defects_goes_out_only_when_they_are_allowed(cut, tmp_path):
    _, url, _, file = cut
    strict = Path(file).with_name("strict.toml")
    strict.write_text(Path(file).read_text("utf-8") + "\n[quality]\nnan_defect = 0.04\n", "utf-8")
    asked = ("--fps", "1", "--url", url, "--factory", str(strict), "--licence", "CC-BY-4.0")
    judged = json.loads(
        twin("episodes", "quality", "--dry-run", "--url", url, "--factory", str(strict), "--json").stdout
    )
    bad = [one for one in judged["list"] if one["verdict"] == "defect"]
    assert bad
    refused = twin("export", str(tmp_path / "set"), *asked)
    assert refused.returncode == 2
    assert f"{len(bad)} of {EPISODES} episodes have defects" in refused.stderr
    assert all(f"{one['id']}  nan at ur3/lab/cell1/UR3:" in refused.stderr for one in bad)
    assert "--allow-defects" in refused.stderr
    assert not (tmp_path / "set").exists()
    done = twin("export", str(tmp_path / "set"), *asked, "--allow-defects", "--to-whom", "Daejeon", "--json")
    assert done.returncode == 0, done.stderr
    with closing(Desk(url, WallClock())) as desk:
        last = exports(desk)[-1]
        with desk.reading() as connection:
            acts = connection.execute(select(audit).order_by(audit.c.n.desc()).limit(2)).all()
    assert (last.name, last.format, last.licence, last.recipient) == ("set", "lerobot", "CC-BY-4.0", "Daejeon")
    assert (len(last.episodes), last.with_defects, last.n) == (EPISODES, True, json.loads(done.stdout)["export"])
    assert last.sha256 == hashlib.sha256((tmp_path / "set/SHA256SUMS").read_bytes()).hexdigest()
    assert [one.act for one in acts] == ["dataset.enter", "dataset.export"]
    assert json.loads(acts[1].detail)["to"] == "Daejeon"
