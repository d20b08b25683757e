"""The door for strangers: an example package is installed, found, and climbs the ladder of our own decoders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "plugin"
CLIMB = """
import json, re, sys, tomllib
sys.path.insert(0, sys.argv[1])
import test_decoders as ladder
from pathlib import Path

name, cases = "weighbridge", sorted(path.parent for path in Path(sys.argv[2]).glob("*/message.json"))
ladder.TOPICS[name] = "gate/north/weight"
steps = []

def step(test, *args):
    test(*args)
    steps.append(test.__name__)

assert name in ladder.NAMES, ladder.NAMES
step(ladder.test_a_decoder_is_named_and_described, name)
step(ladder.test_the_sample_in_the_docstring_is_a_source_that_works, name)
step(ladder.test_a_misspelt_option_is_refused, name)
expected = []
for case in cases:
    options = tomllib.loads((case / "options.toml").read_text())
    message = ladder.message_of(json.loads((case / "message.json").read_text()))
    wanted = json.loads((case / "expected.json").read_text())
    decoder = ladder.made(name, options)
    assert ladder.told(decoder, message) == wanted, (case, ladder.told(decoder, message))
    assert ladder.told(decoder, message) == wanted, "the same message again is the same frame"
    expected.append(wanted)
assert len(expected) >= 3
assert any("error" in one for one in expected)
assert any("frames" in one for one in expected)
step(ladder.test_any_bytes_become_frames_or_a_decode_error, name)
print(json.dumps(steps))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, installed into a folder of its own from a copy, so that nothing is left in the tree."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(EXAMPLE, folder / "source")
    target = folder / "site"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "--quiet",
               "--disable-pip-version-check", "--target", str(target), str(folder / "source")]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert ran.returncode == 0, ran.stderr
    return target


def run(installed: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), str(ROOT), str(ROOT / "tests")])}
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=110, check=False, env=environment, cwd=ROOT
    )


def test_a_strangers_decoder_is_found_by_its_word(installed: Path) -> None:
    script = (
        "import json; from connectors import plugins;"
        "print(json.dumps([plugins.names('decoders'), plugins.description('decoders', 'weighbridge')]))"
    )
    ran = run(installed, "-c", script)
    assert ran.returncode == 0, ran.stderr
    names, description = json.loads(ran.stdout)
    assert "weighbridge" in names
    assert {"json_object", "vda5050"} <= set(names)
    assert description.startswith("A weighbridge")


def test_a_strangers_decoder_climbs_the_same_ladder(installed: Path) -> None:
    ran = run(installed, "-c", CLIMB, str(ROOT / "tests/contracts"), str(EXAMPLE / "cases"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(json.loads(ran.stdout.splitlines()[-1])) == 4


def test_a_factory_file_may_name_it(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "factory.toml").write_text(
        '[hub]\nid = "h"\nname = "h"\n[[site]]\nid = "jeonju"\nname = "j"\n[[source]]\nname = "gate"\n'
        'topics = ["gate/+/weight"]\ndecoder = "weighbridge"\n[source.options]\nsite = "jeonju"\n',
        encoding="utf-8",
    )
    ran = run(installed, "-m", "dashboards.cli", "check", str(tmp_path / "factory.toml"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    without = subprocess.run(
        [sys.executable, "-m", "dashboards.cli", "check", str(tmp_path / "factory.toml")],
        capture_output=True, text=True, timeout=110, check=False, cwd=ROOT,
    )  # fmt: skip
    assert without.returncode != 0, "the word is known only where the package is"
    assert "weighbridge" in without.stdout + without.stderr
