"""`twin demo` as a user runs it: ready, ledger, kill -9, Ctrl-C, a second start."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from importlib.resources import files
from pathlib import Path

import pytest

from connectors.broker import any_port, is_reachable
from connectors.stores.sql import open_history
from connectors.truth import read_truth
from dashboards.cli.processes import _bring
from dashboards.compose import _answers
from twin.keyframes import verify
from twin.simulation.judge import judge

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills processes by POSIX signals")


SHIPPED = (files("dashboards") / "demo" / "factory.toml").read_bytes()
AT_QOS_0 = r"^at QoS 0 published=(\d+) stored=(\d+) lost=(\d+)$"
UNTIMED = {"jeonju/assembly/ENV-2", "changwon/machining/ENV-12"}
"""They speak as Home Assistant hears it, without a time or a count: what is delivered twice is stored twice."""
MOST_IN_DOUBT = 20
"""So many of their messages may be delivered, and not acknowledged, when ingest dies."""


class Demo:
    """A running demo, its lines of output as they come, and its children by name."""

    def __init__(self, folder: Path, *arguments: str, **environ: str) -> None:
        self.folder = folder
        self.port, self.mqtt_port = any_port(), any_port()
        command = [sys.executable, "-m", "dashboards.cli", "demo", "--data", str(folder), "--no-browser"]
        command += ["--port", str(self.port), "--mqtt-port", str(self.mqtt_port), *arguments]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **environ}
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(self.process.stdout)

    def wait_for(self, pattern: str, timeout_s: float = 40.0) -> re.Match[str]:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for line in list(self.lines):
                match = re.search(pattern, line)
                if match:
                    return match
            time.sleep(0.02)
        raise AssertionError(f"no {pattern!r} in {self.lines}")

    def pid_of(self, verb: str) -> int:
        """The process id of a child, by its command line."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if pid := self.child(verb):
                return pid
            time.sleep(0.05)
        raise AssertionError(f"no process of `twin {verb}`")

    def child(self, verb: str) -> int:
        """The process id of a child that runs now, 0 where there is none."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes().decode().split("\0")
                except OSError:
                    continue
                if verb in words and str(self.folder / "factory.toml") in words:
                    return int(entry.name)
        return 0

    def stored(self) -> int:
        history = open_history(f"sqlite:///{self.folder / 'twin.db'}")
        try:
            return history.summary().frames
        finally:
            history.close()

    def end(self) -> int:
        try:
            return self.process.wait(60)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self._reader.join(5)


UPGRADE = (
    "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
HALF = (
    "POST {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n"
    "Expect: 100-continue\r\n\r\n"
)
HANGING = [(UPGRADE, "/ws/live?site=*", "101"), (HALF, "/_dash-update-component", "100")]
"""A browser that is asleep and takes nothing, and a request whose rest does not come."""


def _left_hanging(port: int, asked: tuple[str, str, str]) -> socket.socket:
    """A connection that the page has taken up, and that nobody goes on with."""
    text, path, answer = asked
    opened = socket.create_connection(("127.0.0.1", port), 5)
    opened.sendall(text.format(path, port).encode())
    assert opened.recv(200).split()[1].decode() == answer
    return opened


def wait_for_more(demo: Demo, frames: int) -> None:
    deadline = time.monotonic() + 30
    while demo.stored() <= frames:
        assert time.monotonic() < deadline, "ingest does not store any more"
        time.sleep(0.1)


def test_ingest_killed_three_times_loses_nothing(tmp_path: Path) -> None:
    demo = Demo(tmp_path, "--history", "0", "--for", "14")
    try:
        ready = demo.wait_for(r"^ready (http://127\.0\.0\.1:\d+) (mqtt://127\.0\.0\.1:\d+)$")
        assert ready.group(2) == f"mqtt://127.0.0.1:{demo.mqtt_port}"
        for _ in range(3):
            wait_for_more(demo, demo.stored())
            os.kill(demo.pid_of("ingest"), signal.SIGKILL)
        ledger = demo.wait_for(r"^ledger published=(\d+) stored=(\d+) missing=(\d+)$", 90)
    finally:
        code = demo.end()
    published, stored, missing = map(int, ledger.groups())
    assert (code, missing) == (0, 0), demo.lines
    assert stored >= published > 0
    told = json.loads((tmp_path / "published.json").read_text("utf-8"))
    history = open_history(f"sqlite:///{tmp_path / 'twin.db'}")
    try:
        kept = history.by_stream()
        for stream, row in told.items():
            count = kept[stream]
            if stream.partition(":")[0] in UNTIMED:
                assert row["frames"] <= count.frames <= row["frames"] + 3 * MOST_IN_DOUBT, stream
                continue
            assert row == {
                "frames": count.frames, "values": count.values, "first_seq": count.first_seq, "last_seq": count.last_seq
            }, stream  # fmt: skip
        written = json.loads((tmp_path / "published-qos0.json").read_text("utf-8"))
        # A stream of which nothing arrived is not in the store at all.
        lost = sum(row["frames"] - (kept[stream].frames if stream in kept else 0) for stream, row in written.items())
        assert lost == int(demo.wait_for(AT_QOS_0).group(3)), "what went at QoS 0 is counted apart"
        assert {stream.rpartition("/")[2].partition(":")[0] for stream in written} == {f"MT-0{i}" for i in range(1, 9)}
        assert verify(history).mismatches == ()
    finally:
        history.close()


def test_ctrl_c_stops_everything_within_five_seconds_and_a_second_start_goes_on(tmp_path: Path) -> None:
    began_s = time.monotonic()
    demo = Demo(tmp_path, "--history", "0.05")
    try:
        demo.wait_for("^ready ")
        first_s = time.monotonic() - began_s
        wait_for_more(demo, 0)
        with urllib.request.urlopen(f"http://127.0.0.1:{demo.port}/", timeout=5) as page:
            assert page.status == 200
        children = [demo.pid_of(verb) for verb in ("ingest", "web", "simulate")]
        open_to_web = [_left_hanging(demo.port, asked) for asked in HANGING]
        began_s = time.monotonic()
        demo.process.send_signal(signal.SIGINT)
    finally:
        code = demo.end()
    took_s = time.monotonic() - began_s
    for one in open_to_web:
        one.close()
    assert code == 0
    assert took_s < 5
    assert not [line for line in demo.lines if "Traceback" in line or "Error" in line], demo.lines
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    assert not is_reachable(f"mqtt://127.0.0.1:{demo.mqtt_port}", 0.2)
    before = demo.stored()

    began_s = time.monotonic()
    again = Demo(tmp_path, "--history", "0.05", "--for", "3")
    try:
        again.wait_for("^ready ")
        took_s = time.monotonic() - began_s
        ledger = again.wait_for(r"^ledger published=(\d+) stored=(\d+) missing=(\d+)$", 90)
    finally:
        assert again.end() == 0, again.lines
    assert took_s < 2 * first_s, "it begins from what is there"
    assert ledger.group(3) == "0"
    assert again.stored() > before
    history = open_history(f"sqlite:///{tmp_path / 'twin.db'}")
    try:
        journal = [event for event in history.alarm_events(0, 1 << 62, limit=100_000) if not event.hidden]
        active = [alarm.id for alarm in history.alarms() if alarm.raised]
    finally:
        history.close()
    judged = judge(journal, read_truth(tmp_path / "published-faults.jsonl"))
    assert judged.false == (), "neither history, nor two ends and two starts, raise an alarm that is not true"
    assert not [alarm for alarm in active if alarm.endswith(":silent")]


@pytest.mark.slow
def test_a_faster_plant_never_passes_the_wall_clock(tmp_path: Path) -> None:
    demo = Demo(tmp_path, "--rate", "5", "--for", "6")
    try:
        ledger = demo.wait_for(r"^ledger published=(\d+) stored=(\d+) missing=(\d+)$", 90)
    finally:
        assert demo.end() == 0, demo.lines
    assert ledger.group(3) == "0"
    history = open_history(f"sqlite:///{tmp_path / 'twin.db'}")
    try:
        frames = history.frames("jeonju/weld/line1/R-101:joints", 0, 1 << 62)
    finally:
        history.close()
    plant_s = (int(frames.t_ns[-1]) - int(frames.t_ns[0])) / 1e9
    wall_s = (int(frames.received_ns[-1]) - int(frames.received_ns[0])) / 1e9
    assert plant_s > 1.2 * wall_s, "5 on a quiet machine"
    assert (frames.t_ns < frames.received_ns).all()


def test_a_factory_file_that_was_changed_by_hand_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "factory.toml"
    assert _bring(file, SHIPPED)
    shipped = file.read_text("utf-8")
    file.write_text(shipped + "\n# mine\n", "utf-8")
    demo = Demo(tmp_path, "--history", "0", "--for", "0.1")
    demo.wait_for("factory.toml was changed by hand, and is kept", 60)
    assert demo.end() == 0, demo.lines
    assert file.read_text("utf-8").endswith("# mine\n")


def test_settings_of_the_environment_hold_for_the_demo_itself_and_not_only_for_its_children(tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path / 'elsewhere' / 'twin.db'}"
    demo = Demo(tmp_path, TWIN__EXPECT__SCORE="false", TWIN__MODELS__SCORE="true", TWIN__STORE__URL=other)
    try:
        demo.wait_for("^ready ", 90)
        demo.pid_of("score")
        assert demo.child("expect") == 0, "nobody asked for it"
    finally:
        demo.process.send_signal(signal.SIGINT)
        assert demo.end() == 0, demo.lines
    assert (tmp_path / "twin.db").exists()
    assert not (tmp_path / "elsewhere").exists(), "a demo never writes into another store"

    wrong = Demo(tmp_path, TWIN__WEB__LANGUAGE="latin")
    assert wrong.end() == 2
    assert any("web.language" in line for line in wrong.lines), wrong.lines


def test_a_factory_file_of_an_older_demo_that_nobody_changed_is_brought_up_to_date(tmp_path: Path) -> None:
    file = tmp_path / "factory.toml"
    assert _bring(file, SHIPPED)
    shipped = file.read_bytes()
    for each in (file, tmp_path / "factory.shipped"):
        each.write_bytes(b"# an older one\n")
    assert _bring(file, SHIPPED)
    assert file.read_bytes() == shipped
    file.write_bytes(b"# mine\n")
    assert not _bring(file, SHIPPED)


def test_a_large_plant_loses_nothing_either_and_every_machine_of_it_speaks(tmp_path: Path) -> None:
    demo = Demo(tmp_path, "--assets", "40", "--for", "6")
    assert demo.end() == 0, demo.lines
    told = next(line for line in demo.lines if line.startswith("ledger published="))
    assert told.rstrip().endswith(" missing=0")
    counts = open_history(f"sqlite:///{tmp_path / 'twin.db'}").by_stream()
    machines = {stream: count for stream, count in counts.items() if stream.startswith("crowd/")}
    assert len(machines) == 40
    assert min(count.values / count.frames for count in machines.values()) > 9.9, "ten numbers a frame"


def test_rate_without_a_duration_is_asked_wrongly(tmp_path: Path) -> None:
    demo = Demo(tmp_path, "--rate", "5")
    assert demo.end() == 2
    assert any("--for" in line for line in demo.lines)


def test_who_says_the_question_back_is_no_page():
    """As a socket does that met itself, where a port is tried at which nobody listens yet."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def echo():
            with server.accept()[0] as one:
                one.sendall(one.recv(4096))

        thread = threading.Thread(target=echo)
        thread.start()
        assert not _answers(f"http://127.0.0.1:{server.getsockname()[1]}/healthz")
        thread.join()


def test_a_taken_port_is_named_by_run_and_avoided_by_demo(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo", "--history", "0")
    try:
        demo.wait_for("^ready ")
        (tmp_path / "factory.toml").write_text(
            f'[hub]\nid = "h"\nname = "h"\n[broker]\nport = {demo.mqtt_port}\n[[site]]\nid = "s"\nname = "s"\n', "utf-8"
        )
        run = subprocess.run(
            [sys.executable, "-m", "dashboards.cli", "run", str(tmp_path / "factory.toml")],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert run.returncode == 3
        assert f"port {demo.mqtt_port} is taken" in run.stderr
        other = subprocess.Popen(
            [sys.executable, "-m", "dashboards.cli", "demo", "--data", str(tmp_path / "other"), "--no-browser", "--history", "0", "--for", "1", "--port", str(demo.port), "--mqtt-port", str(demo.mqtt_port)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        output, _ = other.communicate(timeout=90)
        assert other.returncode == 0, output
        assert f"--mqtt-port {demo.mqtt_port} is taken; using" in output
    finally:
        demo.process.send_signal(signal.SIGINT)
        demo.end()
