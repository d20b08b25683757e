"""`twin users` and `twin audit`, as they are called."""

from __future__ import annotations

import json
import shutil
from importlib.resources import as_file, files

import pytest
import terminal

WORD = "a long enough word\n"


@pytest.fixture
def twin(tmp_path):
    with as_file(files("dashboards") / "demo" / "factory.toml") as shipped:
        shutil.copyfile(shipped, tmp_path / "factory.toml")

    def call(*arguments, said="", code=0):
        done = terminal.twin(*arguments, said=said, cwd=tmp_path)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + (done.stderr if code else "")

    call.folder = tmp_path
    return call


def test_an_account_from_its_making_to_its_end(twin):
    assert "no accounts" in twin("users", "list")
    made = twin("users", "add", "kim", "--role", "operator", "--site", "jeonju", "--password-stdin", said=WORD)
    assert "kim is operator for jeonju" in made
    assert WORD.strip() not in made
    (one,) = json.loads(twin("users", "list", "--json"))
    assert (one["name"], one["role"], one["sites"], one["locked"]) == ("kim", "operator", ["jeonju"], False)
    assert "password" not in one
    assert "engineer for jeonju, locked" in twin("users", "set", "kim", "--role", "engineer", "--lock")
    twin("users", "passwd", "kim", "--password-stdin", said="another long enough word\n")
    assert json.loads(twin("users", "sessions", "--json")) == []
    token = json.loads(twin("users", "token", "add", "kim", "--label", "spc", "--right", "export", "--json"))
    assert token["token"].startswith("twin_")
    listed = twin("users", "token", "list", "--json")
    assert token["token"] not in listed
    assert json.loads(listed)[0]["rights"] == ["export", "see"]
    twin("users", "token", "remove", token["id"])
    twin("users", "remove", "kim")
    assert json.loads(twin("users", "list", "--json")) == []
    rows = [json.loads(line) for line in twin("audit", "export").splitlines()]
    acts = [row["act"] for row in rows]
    assert acts == ["user.add", "user.change", "user.password", "token.add", "token.remove", "user.remove", "export"]
    assert {row["who"].partition(":")[0] for row in rows} == {"terminal"}
    head = twin("audit", "head").strip()
    found = json.loads(twin("audit", "verify", "--head", head, "--json"))
    assert (found["ok"], found["rows"], found["head"], found["witnesses"]) == (True, 7, head, 8)
    twin("audit", "export", "--out", "trail.jsonl")
    twin("audit", "export", "--out", "trail.jsonl", code=2)
    url = f"sqlite:///{next(twin.folder.rglob('*-desk.db'))}".replace("-desk.db", ".db")
    assert "8 rows read again" in twin("audit", "verify", "--url", url)


def test_a_forged_trail_is_exit_1_and_the_row(twin):
    import sqlite3

    for name in ("kim", "lee"):
        twin("users", "add", name, "--password-stdin", said=WORD)
    with sqlite3.connect(next(twin.folder.rglob("*-desk.db"))) as database:
        database.execute("UPDATE desk_audit SET subject = 'park' WHERE n = 1")
    assert "row 1: edited" in twin("audit", "verify", code=1)
    assert "unknown_head" in twin("audit", "verify", "--head", "0" * 64, code=1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("users", "add", "kim", "--role", "boss"), "one of viewer"),
        (("users", "add", "kim", "--site", "busan"), "no such site"),
        (("users", "add", "kim park", "--password-stdin"), "no name"),
        (("users", "remove", "lee"), "no account 'lee'"),
        (("users", "set", "lee"), "no account"),
        (("users", "revoke", "lee"), "no session"),
        (("users", "token", "remove", "x"), "no token"),
        (("users", "token", "add", "lee", "--label", "x", "--right", "fly"), "one of see"),
        (("users", "list", "--config", "nowhere.toml"), "nowhere.toml"),
    ],
)
def test_what_is_asked_wrongly_is_exit_2_and_what_to_do(twin, arguments, says):
    assert says in twin(*arguments, said=WORD, code=2)


def test_pages_open_to_others_are_refused_until_there_are_accounts(twin):
    file = twin.folder / "factory.toml"
    text = file.read_text(encoding="utf-8")
    assert "[web]" not in text
    file.write_text(text + '\n[web]\nhost = "0.0.0.0"\n', encoding="utf-8")
    for verb in ("web", "run"):
        assert "twin users add" in twin(verb, "factory.toml", code=2)
    assert twin("check", "factory.toml")
