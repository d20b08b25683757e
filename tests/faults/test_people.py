"""What people were told is done stays done, though the web process is killed while they log in and act."""

from __future__ import annotations

import threading

import httpx
import pytest
from rig import Rig, wait_for

from connectors.desk import Desk
from connectors.desk.accounts import Accounts
from connectors.desk.proof import verify
from connectors.wall_clock import WallClock
from twin.alarms import AlarmEventKind
from twin.policy import Role

WORD = "a long enough word"
METER = """
[[site.asset]]
id = "meter"
name = "Meter"
type = "energy_meter"
"""
ALARM = "plant/meter:silent"
KILLS = 4


class Operator:
    """Logs in and shelves an alarm, again and again (mutable): what was answered well is noted, and nothing else."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.sessions: list[dict[str, str]] = []
        self.done: list[str] = []
        self.broken = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        turn = 0
        while not self._stop.wait(0.01):
            turn += 1
            try:
                self._turn(f"turn {turn}")
            except httpx.TransportError:
                self.broken += 1

    def _turn(self, why: str) -> None:
        with httpx.Client(base_url=self.url, timeout=10.0) as client:
            if len(self.sessions) < len(self.done) // 3 + 1:
                answer = client.post("/login", data={"name": "olaf", "password": WORD, "next": "/"})
                if answer.status_code == 303:
                    self.sessions.append(dict(answer.cookies))
            if not self.sessions:
                return
            action = {"kind": "shelve", "alarm": ALARM, "why": why, "for_s": 60}
            answer = client.post("/api/v1/alarms/actions", json={"actions": [action]}, cookies=self.sessions[-1])
            if answer.status_code == 200:
                self.done.append(why)


@pytest.mark.timeout(300)
def test_no_login_and_no_action_that_was_answered_is_lost_when_the_web_is_killed(folder):
    rig = Rig(folder, "embedded", "sqlite", web=True, more_sources=METER)
    desk = Desk(rig.url, WallClock(), folder)
    operator = Operator(rig._web_port)
    try:
        Accounts(desk).add("terminal", "olaf", WORD, Role.OPERATOR, ["plant"])
        rig.start()
        operator.start()
        for kill in range(KILLS):
            before = len(operator.done)
            wait_for(lambda before=before: len(operator.done) >= before + 3, f"actions before kill {kill}")
            rig.web.kill()
            rig.web.wait()
            rig.start_web()
        wait_for(lambda: len(operator.done) >= before + 6, "actions after the last kill")
        operator.stop()
        assert operator.broken, "no kill met a request"
        for cookies in operator.sessions:
            answer = httpx.get(f"{operator.url}/view/mirror", cookies=cookies, timeout=10.0)
            assert answer.status_code == 200, "a session that had begun is over"

        def told():
            found = rig.history.alarm_events(0, 1 << 62, alarm=ALARM, kinds=[AlarmEventKind.SHELVED], limit=10_000)
            return [event.why for event in found]

        wait_for(lambda: set(operator.done) <= set(told()), "what was answered is folded by ingest")
        assert len(told()) == len(set(told())), "nothing was done twice"
        proof = verify(desk, "")
        assert proof.ok, proof.broken
        assert proof.rows > len(operator.done)
    finally:
        operator.stop()
        rig.close()
        desk.close()
