"""Recordings, bookmarks and fidelity over REST: by right, by site, on the trail."""

from __future__ import annotations

import asyncio

import pytest
from access_world import World

from connectors.stores.sql import open_history
from twin.clock import NS_PER_MS, NS_PER_S
from twin.fidelity import Why, fidelity

RECORDINGS, BOOKMARKS = "/api/v1/recordings", "/api/v1/bookmarks"


@pytest.fixture
def world(recorded, tmp_path):
    made = World(recorded, tmp_path)
    asyncio.run(made.hub.load())
    yield made
    made.reader.close()
    made.desk.close()


def times(world, back_s=60.0, for_s=30.0):
    begin_ms = world.clock.now_ns() / NS_PER_MS - back_s * 1000
    return {"from": str(begin_ms), "to": str(begin_ms + for_s * 1000)}


def test_who_may_tell_may_record_at_their_sites_and_others_see_what_is_theirs(world):
    body = {"name": "jam", "site": "jeonju", **times(world), "tags": ["a"], "notes": "n"}
    assert world.send("POST", RECORDINGS, "vera", json=body).status_code == 403
    assert world.send("POST", RECORDINGS, "chang", json=body).status_code == 404, "there is no such site for them"
    made = world.send("POST", RECORDINGS, "olaf", json=body)
    assert made.status_code == 200, made.text
    assert (made.json()["who"], made.json()["origin"], made.json()["tags"]) == ("olaf", "hand", ["a"])
    assert made.json()["to_ms"] - made.json()["from_ms"] == pytest.approx(30_000)
    assert world.send("POST", RECORDINGS, "olaf", json=body).status_code == 409
    assert world.send("POST", RECORDINGS, "olaf", json={**body, "site": "*"}).status_code == 400
    backwards = {**body, "name": "x", "from": body["to"], "to": body["from"]}
    assert world.send("POST", RECORDINGS, "olaf", json=backwards).status_code == 409
    names = {who: [one["name"] for one in world.get(RECORDINGS, who).json()["recordings"]] for who in ("vera", "chang")}
    assert names == {"vera": ["jam"], "chang": []}
    assert world.send("DELETE", f"{RECORDINGS}/jam", "chang").status_code == 404
    assert world.send("POST", f"{RECORDINGS}/jam/rename", "eva", json={"name": "걸림"}).json()["name"] == "걸림"
    assert world.send("DELETE", f"{RECORDINGS}/걸림", "vera").status_code == 403
    assert world.send("DELETE", f"{RECORDINGS}/걸림", "eva").status_code == 200
    assert world.send("DELETE", f"{RECORDINGS}/걸림", "eva").status_code == 404
    acts = [row for row in world.acts() if row[1].startswith("recording.")]
    assert acts == [
        ("olaf", "recording.keep", "jam"), ("eva", "recording.rename", "jam"), ("eva", "recording.remove", "걸림"),
    ]  # fmt: skip


def test_a_bookmark_is_a_moment_with_typed_properties_and_of_one_site(world):
    begin = times(world)["from"]
    told = {"part": "A-7", "force": 12.5, "seen": True}
    made = world.send(
        "POST", BOOKMARKS, "olaf", json={"label": "jam", "site": "jeonju", "from": begin, "properties": told}
    )
    assert made.status_code == 200, made.text
    assert made.json()["properties"] == told
    assert made.json()["from_ms"] == made.json()["to_ms"]
    assert world.get(BOOKMARKS, "chang").json()["bookmarks"] == []
    (mark,) = world.get(BOOKMARKS, "vera", site="jeonju").json()["bookmarks"]
    assert world.send("DELETE", f"{BOOKMARKS}/{mark['id']}", "chang").status_code == 404
    assert world.send("DELETE", f"{BOOKMARKS}/{mark['id']}", "olaf").status_code == 200
    assert world.get(BOOKMARKS, "vera").json()["bookmarks"] == []


def test_fidelity_says_what_is_there_and_whether_it_folds_to_the_same(world, recorded):
    told = world.get("/api/v1/fidelity", "all", **times(world, 50, 20)).json()
    assert told["batches"] > 0
    assert told["frames"] > 0
    assert (told["coverage"], told["mismatches"]) == (1.0, 0)
    assert told["equal"] is True or Why.NO_KEYFRAME in told["why"]
    part = world.get("/api/v1/fidelity", "eva", **times(world, 50, 20)).json()
    assert 0 < part["frames"] < told["frames"]
    empty = world.get("/api/v1/fidelity", "all", **times(world, 5_000_000, 20)).json()
    assert (empty["batches"], empty["coverage"], empty["equal"], empty["why"]) == (0, None, None, ["nothing"])
    assert world.get("/api/v1/fidelity", "all", **times(world, 5000, 4000)).status_code == 400
    history = open_history(recorded.url)
    every = {stream.id for stream in history.streams().values()}
    first_ns = next(iter(history.batches(history.writers()[0]))).tick_ns
    whole = fidelity(history, first_ns, first_ns + 20 * NS_PER_S, every)
    history.close()
    assert whole.coverage == 1.0
