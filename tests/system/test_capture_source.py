"""A recorded file as a source of its own: no broker is needed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from terminal import twin

from connectors.stores.sql import open_history

FACTORY = """
[hub]
id = "h"
name = "h"
[broker]
use = "mqtt://127.0.0.1:9"
[[site]]
id = "s"
name = "s"
[[source]]
name = "file"
type = "capture"
path = "rows.csv"
map = "mapping.toml"
decoder = "json_object"
[source.options]
topic = "{place...}/{asset}/{stream}"
time = "ts"
seq = "seq"
"""
MAPPING = """
topic = "s/robot/data"
delimiter = ";"
decimal = ","
time = "when"
seq = "n"
[columns]
"speed" = { field = "speed" }
"stop" = { field = "stop", kind = "flag" }
"""
ROWS = (
    "n;when;speed ;stop\n1;2022-10-26T08:17:21.847Z;0,5;False\n2;2022-10-26T08:17:22.852Z;;True\n3;nonsense;1,0;False\n"
)


def test_a_csv_file_is_ingested_without_a_broker(tmp_path: Path) -> None:
    for name, text in (("factory.toml", FACTORY), ("mapping.toml", MAPPING), ("rows.csv", ROWS)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "dashboards.cli", "ingest", str(tmp_path / "factory.toml")]
    url = f"sqlite:///{tmp_path / 'data/twin.db'}"
    child = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 20
        stored = None
        while time.monotonic() < deadline and (stored is None or stored["frames"] < 2):
            answer = twin("store", "info", "--url", url, "--by-stream", "--json")
            if answer.returncode == 0:
                stored = json.loads(answer.stdout).get("s/robot:data")
    finally:
        child.terminate()
        child.wait(10)
    assert stored == {"frames": 2, "values": 3, "first_seq": 1, "last_seq": 2}
    history = open_history(url)
    try:
        frames = history.frames("s/robot:data", 0, 1 << 62)
    finally:
        history.close()
    assert frames.t_ns.tolist() == [1666772241847000000, 1666772242852000000]
