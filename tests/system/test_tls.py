"""TLS and passwords against a real mosquitto with an authority made for the test."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.broker import any_port, is_reachable
from connectors.publish import Publisher
from connectors.sources import Surroundings, mqtt
from connectors.tls import context
from connectors.wall_clock import WallClock
from twin.config import BrokerConfig, SourceConfig
from twin.errors import BrokerError
from twin.secret import Secret

PATHS = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
MOSQUITTO, OPENSSL = shutil.which("mosquitto", path=PATHS), shutil.which("openssl")
PASSWD = shutil.which("mosquitto_passwd", path=PATHS)
pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(not (MOSQUITTO and OPENSSL and PASSWD), reason="no mosquitto, mosquitto_passwd or openssl"),
]


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run([str(OPENSSL), *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def secured(tmp_path: Path):
    """A broker on TLS that asks for a name and a password; the configuration that opens it."""
    openssl(tmp_path, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=plant authority",
            "-keyout", "ca.key", "-out", "ca.pem")  # fmt: skip
    openssl(
        tmp_path,
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=localhost",
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
    )
    (tmp_path / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n", "utf-8")
    openssl(tmp_path, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", "names", "-out", "server.pem")  # fmt: skip
    subprocess.run([str(PASSWD), "-b", "-c", "users", "twin", "right"], cwd=tmp_path, check=True, capture_output=True)
    for path in tmp_path.iterdir():
        path.chmod(0o644)
    tmp_path.chmod(0o755)
    port = any_port()
    (tmp_path / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nuser root\nallow_anonymous false\npassword_file {tmp_path}/users\n"
        f"cafile {tmp_path}/ca.pem\ncertfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key\n",
        "utf-8",
    )
    child = subprocess.Popen([str(MOSQUITTO), "-c", str(tmp_path / "mosquitto.conf")], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while not is_reachable(f"mqtt://127.0.0.1:{port}", 0.2):
        assert time.monotonic() < deadline
    (tmp_path / "password").write_text("right\n", "utf-8")
    yield BrokerConfig(
        f"mqtts://localhost:{port}",
        username="twin",
        password=Secret(file=str(tmp_path / "password")),
        ca_file=str(tmp_path / "ca.pem"),
    )
    child.terminate()
    child.wait(20)


def heard(config: BrokerConfig, timeout_s: float, told: list[str] | None = None) -> list[bytes]:
    """What a source gets of one published message; ``told`` takes the reasons it gives for none."""
    got: list[bytes] = []

    def deliver(deliveries) -> int:
        got.extend(delivery.message.payload for delivery in deliveries)
        return len(deliveries)

    source = mqtt.Source(SourceConfig("s", ("a/#",), "json_object"), Surroundings(config, "tls-test", WallClock()))
    source.start(deliver, lambda event: (told if told is not None else []).append(event.after))
    deadline = time.monotonic() + timeout_s
    while not source.connected and time.monotonic() < deadline:
        time.sleep(0.01)
    if source.connected:
        publisher = Publisher(config.use, "tls-publisher", config, "right", durable=False)
        publisher.wait_connected()
        publisher.publish("a/b", b"over TLS")
        while not got and time.monotonic() < deadline:
            time.sleep(0.01)
        publisher.close()
    source.stop()
    return got


def test_a_message_comes_over_tls_with_a_password_from_a_file(secured: BrokerConfig) -> None:
    assert heard(secured, 15.0) == [b"over TLS"]


def test_a_broker_of_an_unknown_authority_is_never_talked_to(secured: BrokerConfig) -> None:
    told: list[str] = []
    assert heard(replace(secured, ca_file=""), 2.5, told) == []
    assert len(told) == 1, "said once, not at every try"
    assert "certificate verify failed" in told[0]


def test_a_wrong_password_is_refused(secured: BrokerConfig, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong", "utf-8")
    told: list[str] = []
    assert heard(replace(secured, password=Secret(file=str(tmp_path / "wrong"))), 2.5, told) == []
    assert told == ["Not authorized"]


def test_verification_is_always_on_and_old_tls_is_refused(secured: BrokerConfig) -> None:
    made = context(secured)
    assert made.verify_mode is ssl.CERT_REQUIRED
    assert made.check_hostname
    assert made.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_missing_authority_file_is_named(secured: BrokerConfig) -> None:
    with pytest.raises(BrokerError, match="TLS files"):
        context(replace(secured, ca_file="/nowhere/ca.pem"))
