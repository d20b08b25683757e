"""F12: a power cut. What was acknowledged survives with our setting, and does not with the one that most would choose."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from contextlib import closing
from pathlib import Path

import pytest
from writing import T0, sqlite_url, stored

from connectors.archive.layout import DAY_NS
from connectors.archive.run import archive
from connectors.care.check import check
from connectors.stores.sql import open_history
from twin.clock import ManualClock
from twin.errors import StoreError
from twin.keyframes import verify

HERE = Path(__file__).parent
COMPILER = shutil.which("cc")
pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="no C compiler `cc` to build the power-loss model with"),
    pytest.mark.skipif(sys.platform != "linux", reason="the model is preloaded as Linux does it"),
]
WRITES = """
import sys
sys.path.insert(0, {here!r})
from writing import Writer
writer = Writer({url!r})
writer.store._driver._connection.execute("PRAGMA synchronous = {synchronous}")
while True:
    writer.run(1, 10, start=writer.n - 1)
    print(writer.n - 1, flush=True)
"""
MOVES = """
import sys, pathlib
sys.path.insert(0, {here!r})
from writing import Writer, T0
from connectors.archive import move
from connectors.archive.layout import DAY_NS
from connectors.archive.run import archive
from twin.clock import NS_PER_S, ManualClock
Writer({url!r}).run(12, 48, step_ns=300 * NS_PER_S).close()
print("go", flush=True)
archive({url!r}, pathlib.Path({folder!r}), T0 + 9 * DAY_NS, ManualClock(T0 + 20 * DAY_NS))
print("moved", flush=True)
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    library = tmp_path_factory.mktemp("shim") / "power.so"
    built = subprocess.run(
        [COMPILER, "-shared", "-fPIC", "-O2", "-o", str(library), str(HERE / "power/shim.c"), "-ldl"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return library


def begin(shim, folder, disk, code):
    (disk / "inodes").mkdir(parents=True)
    (disk / "folders").mkdir()
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE, text=True,
        env=os.environ | {"LD_PRELOAD": str(shim), "POWER_DIR": str(folder), "POWER_DISK": str(disk)},
    )  # fmt: skip


def cut(shim, folder, disk, seed, synchronous, least):
    """Write until the power goes at a random commit after ``least``; the last one that was acknowledged."""
    code = WRITES.format(here=str(HERE), url=sqlite_url(folder), synchronous=synchronous)
    process = begin(shim, folder, disk, code)
    dice = random.Random(seed)
    wanted = least + dice.randrange(40)
    said = 0
    for line in process.stdout:
        said = int(line)
        if said >= wanted:
            break
    os.kill(process.pid, signal.SIGKILL)
    rest, _ = process.communicate()
    return max([said, *(int(line) for line in rest.split())])


def after(disk, folder, place):
    """The folder as the disk holds it."""
    place.mkdir()
    names = disk / "folders" / str(folder.stat().st_ino)
    for line in names.read_text(encoding="utf-8").splitlines() if names.exists() else []:
        kind, inode, name = line.split(" ", 2)
        if kind == "d":
            if (folder / name).exists():
                after(disk, folder / name, place / name)
        elif not name.endswith("-shm"):
            content = disk / "inodes" / inode
            (place / name).write_bytes(content.read_bytes() if content.exists() else b"")
    return sqlite_url(place)


def batches_in(url):
    try:
        with closing(open_history(url)) as history:
            return history.summary().batches
    except StoreError:
        return 0


@pytest.mark.parametrize("seed", range(3))
def test_with_our_setting_everything_acknowledged_survives_the_power_cut(shim, tmp_path, seed):
    acknowledged = cut(shim, tmp_path / "run", tmp_path / "disk", seed, "FULL", 20)
    url = after(tmp_path / "disk", tmp_path / "run", tmp_path / "after")
    assert batches_in(url) in (acknowledged, acknowledged + 1), "the last commit may be there without its word"
    assert check(url).ok
    with closing(open_history(url)) as history:
        assert verify(history).mismatches == ()
        assert len(stored(history)) == history.summary().batches * 30


def test_with_synchronous_normal_the_same_run_loses_so_this_test_can_fail(shim, tmp_path):
    acknowledged = cut(shim, tmp_path / "run", tmp_path / "disk", 1, "NORMAL", 20)
    url = after(tmp_path / "disk", tmp_path / "run", tmp_path / "after")
    assert batches_in(url) < acknowledged


def test_the_writer_itself_asks_for_the_setting_that_survives(tmp_path):
    from connectors.stores.sql import open_store

    with closing(open_store(sqlite_url(tmp_path))) as store:
        assert store._driver.ask("PRAGMA synchronous") == [(2,)]
        assert store._driver.ask("PRAGMA journal_mode") == [("wal",)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_a_power_cut_while_days_are_archived_loses_and_doubles_nothing(shim, tmp_path, seed):
    pytest.importorskip("pyarrow", reason="the extra `archive` is not installed")
    folder = tmp_path / "run"
    code = MOVES.format(here=str(HERE), url=sqlite_url(folder), folder=str(folder / "archive"))
    process = begin(shim, folder, tmp_path / "disk", code)
    assert process.stdout.readline() == "go\n"
    threading.Event().wait(random.Random(seed).uniform(0.0, 1.2))
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    url = after(tmp_path / "disk", folder, tmp_path / "after")
    with closing(open_history(url)) as history:
        assert len(stored(history)) == 12 * 48 * 3
        assert verify(history).mismatches == ()
    archive(url, tmp_path / "after" / "archive", T0 + 9 * DAY_NS, ManualClock(T0 + 30 * DAY_NS))
    with closing(open_history(url)) as history:
        assert len(stored(history)) == 12 * 48 * 3
        assert verify(history).mismatches == ()
