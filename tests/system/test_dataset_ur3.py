"""A real robot's recording as a dataset, by the commands that a data steward types."""

from __future__ import annotations

import json

from terminal import twin


def test_the_dataset_of_it_has_7420_frames_and_holds_what_it_claims(ur3, tmp_path):
    url, file = ur3
    twin("episodes", "cut", "--url", url, "--factory", file)
    asked = ("export", str(tmp_path / "set"), "--fps", "1", "--url", url, "--factory", file)
    refused = twin(*asked)
    assert refused.returncode == 2
    assert "goes out under a licence" in refused.stderr
    done = twin(*asked, "--licence", "CC-BY-4.0", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["episodes"], told["frames"], told["success"]) == (249, 7420, 134)
    assert told["tasks"] == ["Pick up the part with the gripper and put it down at its place"]
    checked = twin("datasets", "verify", str(tmp_path / "set"), "--json")
    assert checked.returncode == 0, checked.stdout
    assert json.loads(checked.stdout) == {"ok": True, "findings": []}
    (tmp_path / "set/meta/info.json").write_text("{}", "utf-8")
    damaged = twin("datasets", "verify", str(tmp_path / "set"))
    assert damaged.returncode == 1
    assert "does not say how many frames a second" in damaged.stdout
