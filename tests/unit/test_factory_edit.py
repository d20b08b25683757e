"""Assets written into a factory file: its comments and order stay, and it is never left half written."""

from __future__ import annotations

import math
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from many import examples

from connectors.factory_edit import Acceptance, edit
from connectors.factory_file import read_factory
from twin.errors import ConfigError

NEW = (files("dashboards") / "demo" / "new.toml").read_text(encoding="utf-8")
BARE = """# a hub
[hub]
id = "h"
name = "H"   # its name
[[site]]
id = "s"
name = "S"
edges = [
  ["a", "b"],
]
  [[site.node]]
  id = "a"
  x_m = 1.0
  y_m = 1.0
  [[site.node]]
  id = "b"
  x_m = 2.0
  y_m = 1.0

# the second one
[[site]]
id = "t"
name = "T"
  [[site.asset]]
  id = "old"
  type = "buffer"
  name = "Old"
  [site.asset.pose]
  x_m = 3.0
# the last words
"""
ODD = """site = [{ id = "s", name = "S" }]
hub = { id = "h", name = "H" }
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "factory.toml"
    path.write_text(NEW, encoding="utf-8")
    return path


def test_an_accepted_asset_stands_behind_the_last_of_its_site_and_every_other_line_is_as_it_was(file):
    change = edit(file, [Acceptance("factory/yard/pump-9", "environment", "펌프", 'The "pump"', 3.25, 4, math.pi / 2)])
    removed = [line for line in change.diff.splitlines() if line.startswith("-") and not line.startswith("---")]
    added = [line[1:] for line in change.diff.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert removed == []
    assert [line for line in added if line] == [
        "  [[site.asset]]", '  id = "yard/pump-9"', '  type = "environment"',
        '  name = { ko = "펌프", en = "The \\"pump\\"" }', "  pose = { x_m = 3.25, y_m = 4.0, yaw_deg = 90.0 }",
    ]  # fmt: skip
    assert file.read_text(encoding="utf-8") == NEW, "nothing is written yet"
    backup = change.write()
    assert backup.read_text(encoding="utf-8") == NEW
    asset = read_factory(file, {}).hub.assets()["factory/yard/pump-9"]
    assert (asset.type, asset.name.ko, asset.pose.x_m, asset.pose.yaw_rad) == (
        "environment", "펌프", 3.25, pytest.approx(math.pi / 2),
    )  # fmt: skip
    assert sorted(path.name for path in file.parent.iterdir()) == ["factory.toml", "factory.toml.bak"]


def test_an_asset_that_is_there_gets_its_new_name_and_place_only(file):
    change = edit(file, [Acceptance("factory/line1/meter1", name_ko="새 이름", x_m=1.5)])
    after = change.after.decode()
    assert 'name = { ko = "새 이름", en = "Energy meter 1" }' in after
    assert "pose = { x_m = 1.5, y_m = 10.0 }" in after
    assert len(after.splitlines()) == len(NEW.splitlines())
    assert edit(file, [Acceptance("factory/line1/meter1", "energy_meter")]).diff == ""


@pytest.mark.parametrize(("text", "site"), [(BARE, "s"), (BARE, "t"), (BARE.replace("\n", "\r\n"), "t"), (ODD, "s")])
def test_any_layout_of_a_file_takes_an_asset(tmp_path, text, site):
    path = tmp_path / "factory.toml"
    path.write_bytes(text.encode())
    change = edit(path, [Acceptance(f"{site}/new", "buffer"), Acceptance(f"{site}/line/two", "conveyor", "둘")])
    change.write()
    old, new = tomllib.loads(text), tomllib.loads(path.read_text(encoding="utf-8"))
    for before, after in zip(old["site"], new["site"], strict=True):
        wanted = before.get("asset", [])
        if before["id"] == site:
            wanted = [
                *wanted, {"id": "new", "type": "buffer", "name": {"ko": "new", "en": "new"}},
                {"id": "line/two", "type": "conveyor", "name": {"ko": "둘", "en": "둘"}},
            ]  # fmt: skip
        assert after == before | ({"asset": wanted} if wanted else {})
    comments = [line.strip() for line in text.splitlines() if "#" in line]
    assert [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if "#" in line] == comments


@pytest.mark.parametrize(
    ("accepted", "told"),
    [
        (Acceptance("elsewhere/x", "buffer"), "no site 'elsewhere'"),
        (Acceptance("factory", "buffer"), "no site"),
        (Acceptance("factory/x", "toaster"), "toaster"),
        (Acceptance("factory/x"), "needs a type"),
        (Acceptance("factory/a%2Fb", "buffer"), "gives this id"),
    ],
)
def test_what_would_make_the_file_no_good_is_refused_and_nothing_written(file, accepted, told):
    with pytest.raises(ConfigError, match=told):
        edit(file, [accepted])
    assert file.read_text(encoding="utf-8") == NEW
    assert [path.name for path in file.parent.iterdir()] == ["factory.toml"]


def test_a_file_that_changed_since_the_diff_was_shown_is_not_overwritten(file):
    change = edit(file, [Acceptance("factory/x", "buffer")])
    file.write_text(NEW + "# mine\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="changed meanwhile"):
        change.write()
    assert file.read_text(encoding="utf-8").endswith("# mine\n")


def test_where_the_file_cannot_be_replaced_it_stays_as_it_is(file, monkeypatch):
    change = edit(file, [Acceptance("factory/x", "buffer")])

    def no(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", no)
    with pytest.raises(ConfigError, match="No space"):
        change.write()
    assert file.read_text(encoding="utf-8") == NEW
    assert not list(file.parent.glob(".factory*"))


names = st.text(min_size=1, max_size=20).filter(lambda text: text.strip() and "\x00" not in text)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names.filter(str.isprintable), names, st.floats(-1e6, 1e6), st.floats(-3.2, 3.2))
def test_any_name_and_place_comes_back_as_it_was_given(tmp_path, ko, en, x_m, yaw_rad):
    path = tmp_path / "factory.toml"
    path.write_text(NEW, encoding="utf-8")
    edit(path, [Acceptance("factory/x", "buffer", ko, en, x_m, 0.0, yaw_rad)]).write()
    asset = read_factory(path, {}).hub.assets()["factory/x"]
    assert (asset.name.ko, asset.name.en) == (ko, en)
    assert asset.pose.x_m == pytest.approx(x_m, abs=0.001)
    assert asset.pose.yaw_rad == pytest.approx(yaw_rad, abs=0.001)
