"""The tutorial, done: what it tells to type is what this test runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from connectors.broker import any_port

TUTORIAL = (Path(__file__).parents[2] / "docs/tutorial.md").read_text("utf-8")
TWIN = [sys.executable, "-m", "dashboards.cli"]


def test_a_new_factory_runs_and_shows_a_published_value(tmp_path: Path) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", TUTORIAL, re.DOTALL)
    assert "port=1883" in snippet
    folder = tmp_path / "plant"
    subprocess.run([*TWIN, "new", str(folder)], check=True, capture_output=True)
    subprocess.run([*TWIN, "check", str(folder / "factory.toml")], check=True, capture_output=True)
    web, mqtt = any_port(), any_port()
    environ = {**os.environ, "TWIN__WEB__PORT": str(web), "TWIN__BROKER__PORT": str(mqtt)}
    child = subprocess.Popen(
        [*TWIN, "run", str(folder / "factory.toml")], env=environ, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == f"ready http://127.0.0.1:{web} mqtt://127.0.0.1:{mqtt}\n"
        deadline, value = time.monotonic() + 20, None
        (tmp_path / "value.py").write_text(snippet.replace("port=1883", f"port={mqtt}"), "utf-8")
        while value != 12.5 and time.monotonic() < deadline:
            # Sent again until ingest has subscribed: a message that nobody subscribed to is nobody's.
            subprocess.run([sys.executable, str(tmp_path / "value.py")], check=True)
            time.sleep(0.3)
            with urllib.request.urlopen(f"http://127.0.0.1:{web}/api/v1/latest?site=factory", timeout=5) as answer:
                latest = json.load(answer)["latest"]
            value = next((row["value"] for row in latest if row["signal"] == "factory/line1/press1:pressure"), None)
        assert value == 12.5
    finally:
        child.terminate()
        assert child.wait(10) == 0
    url = f"sqlite:///{folder / 'data/twin.db'}"
    info = subprocess.run([*TWIN, "store", "info", "--url", url, "--json"], check=True, capture_output=True, text=True)
    assert json.loads(info.stdout)["frames"] > 0
    subprocess.run([*TWIN, "verify", "--url", url], check=True, capture_output=True)
