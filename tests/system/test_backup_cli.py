"""`twin store backup` and `restore`: a site comes back whole, with its models and the secret of its pseudonyms."""

from __future__ import annotations

import json
import shutil
import stat
from contextlib import closing

import numpy as np
import pytest
from terminal import twin

from connectors.care.backup import restore
from connectors.care.manifest import manifest_of
from connectors.care.outside import Outside
from connectors.privacy.secret import secret_file, secret_of
from connectors.stores.sql import open_store
from twin.clock import NS_PER_S, ManualClock
from twin.errors import StoreError
from twin.ports import Commit, Folded
from twin.sample import Frames, Kind, Quality, Role, Signal, batch_of, stream_of

ASSET, T0, ROWS = "h/line/press", 1_750_000_000 * NS_PER_S, 600
STREAM = stream_of(
    ASSET, "data", [Signal("force", unit="N"), Signal("current", unit="A"), Signal("state", Kind.STATE, role=Role.STATE)],
    period_s=1.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with one model that is active, and a secret."""
    folder = tmp_path_factory.mktemp("site")
    rng = np.random.default_rng(1)
    force = 50 + rng.normal(0, 1, ROWS)
    values = np.stack([force, 0.1 * force + rng.normal(0, 0.02, ROWS)], axis=1)
    t_ns = T0 + np.arange(ROWS) * NS_PER_S
    good = np.full(ROWS, int(Quality.GOOD), np.int16)
    frames = Frames(STREAM, t_ns, np.arange(ROWS), t_ns, values, good, (("Execute",),) * ROWS)
    with closing(open_store(url_of(folder))) as store:
        store.append(Commit(batch_of("w", 1, int(t_ns[-1]), [frames])), lambda _batch: Folded((), ()))
    learn = ("--asset", ASSET, "--window", 10, "--budget", 0.01, "--no-forest")
    assert twin("model", "train", "press", *learn, "--url", url_of(folder)).returncode == 0
    assert twin("model", "activate", "press", "--url", url_of(folder)).returncode == 0
    secret_of(secret_file(url_of(folder), None))
    return folder


@pytest.fixture
def site(trained, tmp_path):
    """The same, to be changed."""
    return shutil.copytree(trained, tmp_path / "site")


def url_of(folder):
    return f"sqlite:///{folder}/twin.db"


def store(verb, *arguments):
    return twin("store", verb, *arguments)


def scored(folder):
    return twin("model", "score", "press", "--url", url_of(folder), "--json").stdout


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_site_that_is_lost_comes_back_whole(site, tmp_path):
    made = store("backup", tmp_path / "out/kept.db", "--url", url_of(site), "--json")
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert (told["without"], told["damaged_models"]) == ([], [])
    assert {one["path"]: (one["what"], one["mode"]) for one in told["files"]} == {
        "kept.db": ("store", ""),
        "kept-desk.db": ("desk", "0600"),
        "kept-models/press/1/model.json": ("model", ""),
        "kept-models/press/1/pca.onnx": ("model", ""),
        "kept.secret": ("secret", "0600"),
    }
    assert [mode_of(tmp_path / "out" / name) for name in ("kept.secret", "kept.manifest.json", "kept-desk.db")] == [
        0o600
    ] * 3
    before, secret = scored(site), secret_file(url_of(site), None).read_bytes()
    elsewhere = tmp_path / "another machine"
    restored = store("restore", tmp_path / "out/kept.db", "--url", url_of(elsewhere))
    assert restored.returncode == 0, restored.stderr
    assert restored.stdout == f"restored from {tmp_path}/out/kept.db\n"
    assert scored(elsewhere) == before
    again = secret_file(url_of(elsewhere), None)
    assert (again.read_bytes(), mode_of(again)) == (secret, 0o600)
    assert mode_of(elsewhere / "twin-desk.db") == 0o600
    listed = json.loads(twin("model", "list", "--url", url_of(elsewhere), "--json").stdout)
    assert [(one["version"], one["state"], one["wrong"]) for one in listed] == [(1, "active", "")]


def test_what_was_there_is_set_aside_and_what_is_the_same_stays(site, tmp_path):
    assert store("backup", tmp_path / "kept.db", "--url", url_of(site)).returncode == 0
    (site / "models/press/2").mkdir()
    (site / "models/press/2/model.json").write_text("{}", encoding="utf-8")
    refused = store("restore", tmp_path / "kept.db", "--url", url_of(site))
    assert (refused.returncode, "--replace" in refused.stderr) == (3, True)
    done = json.loads(store("restore", tmp_path / "kept.db", "--url", url_of(site), "--replace", "--json").stdout)
    assert [one.partition(".replaced-")[0] for one in done["asides"]] == [
        f"{site}/{name}" for name in ("twin.db", "twin-desk.db", "models")
    ], "the secret is the same, it stays"
    assert not (site / "models/press/2").exists()
    (aside,) = site.glob("models.replaced-*")
    assert (aside / "press/2/model.json").exists()


@pytest.mark.parametrize("name", ["kept-models/press/1/pca.onnx", "kept.secret", "kept-desk.db", "kept.db"])
def test_a_damaged_file_of_a_backup_is_named_and_nothing_is_put_back(site, tmp_path, name):
    assert store("backup", tmp_path / "kept.db", "--url", url_of(site)).returncode == 0
    data = bytearray((tmp_path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)
    refused = store("restore", tmp_path / "kept.db", "--url", url_of(tmp_path / "new"))
    assert (refused.returncode, str(tmp_path / name) in refused.stderr) == (3, True), refused.stderr
    (tmp_path / name).unlink()
    refused = store("restore", tmp_path / "kept.db", "--url", url_of(tmp_path / "new"))
    assert (refused.returncode, name.rpartition("/")[2] in refused.stderr) == (3, True)
    assert not (tmp_path / "new").exists()


def test_a_model_that_is_damaged_already_is_named_and_kept_as_it_is(site, tmp_path):
    path = site / "models/press/1/pca.onnx"
    path.write_bytes(path.read_bytes() + b"\0")
    made = store("backup", tmp_path / "kept.db", "--url", url_of(site), "--json")
    assert made.returncode == 0
    (told,) = json.loads(made.stdout)["damaged_models"]
    assert str(path) in told
    assert str(path) in made.stderr
    assert (tmp_path / "kept-models/press/1/pca.onnx").read_bytes() == path.read_bytes()


def test_a_backup_from_before_is_restored_and_it_says_what_was_not_in_it(site, tmp_path):
    assert store("backup", tmp_path / "kept.db", "--url", url_of(site)).returncode == 0
    manifest_of(tmp_path / "kept.db").unlink()
    refused = store("restore", tmp_path / "kept.db", "--url", url_of(tmp_path / "new"))
    assert (refused.returncode, "kept.manifest.json is missing" in refused.stderr) == (3, True)
    shutil.rmtree(tmp_path / "kept-models")
    (tmp_path / "kept.secret").unlink()
    old = scored(site)
    restored = store("restore", tmp_path / "kept.db", "--url", url_of(site), "--replace")
    assert restored.returncode == 0, restored.stderr
    assert (
        "  not in this backup: models, the secret of pseudonyms (it is older than their being kept);"
        " what is there stays as it is\n"
    ) in restored.stdout
    assert scored(site) == old


def test_a_site_with_neither_says_so_and_a_manifest_that_is_none_is_refused(site, tmp_path):
    shutil.rmtree(site / "models")
    secret_file(url_of(site), None).unlink()
    made = store("backup", tmp_path / "kept.db", "--url", url_of(site))
    assert "  nothing there, so not in it: models, the secret of pseudonyms\n" in made.stdout
    assert "press" in made.stderr, "the desk knows of a version whose files are gone"
    paper = manifest_of(tmp_path / "kept.db")
    told = json.loads(paper.read_bytes())
    told["files"][0]["path"] = "../twin.db"
    for text in ("{", "[]", '{"format": 9}', json.dumps(told)):
        paper.write_text(text, encoding="utf-8")
        refused = store("restore", tmp_path / "kept.db", "--url", url_of(tmp_path / "new"))
        assert (refused.returncode, "kept.manifest.json" in refused.stderr) == (3, True), text


def test_what_nobody_knows_the_place_of_is_refused_before_anything_is_put_back(site, tmp_path):
    assert store("backup", tmp_path / "kept.db", "--url", url_of(site)).returncode == 0
    new = url_of(tmp_path / "new")
    for outside, option in ((Outside(), "--models DIR"), (Outside(tmp_path / "hall"), "--secret FILE")):
        with pytest.raises(StoreError, match=option):
            restore(tmp_path / "kept.db", new, ManualClock(T0), outside)
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "hall").exists()


def test_folders_that_the_factory_file_names_are_kept_too(site, tmp_path):
    (site / "models").rename(tmp_path / "shelf")
    factory = tmp_path / "factory.toml"
    factory.write_text(
        f'[hub]\nid = "h"\nname = "h"\n[[site]]\nid = "h"\nname = "h"\n[store]\nurl = "{url_of(site)}"\n'
        f'[models]\nfolder = "{tmp_path}/shelf"\n',
        encoding="utf-8",
    )
    made = store("backup", tmp_path / "out/kept.db", "--factory", factory, "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["without"] == []
    new = url_of(tmp_path / "new")
    restored = store(
        "restore", tmp_path / "out/kept.db", "--url", new, "--models", tmp_path / "hall", "--secret", tmp_path / "s"
    )
    assert restored.returncode == 0, restored.stderr
    assert (tmp_path / "hall/press/1/model.json").exists()
    assert mode_of(tmp_path / "s") == 0o600
