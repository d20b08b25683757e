"""Open pages over the live socket and ``/api/v1/sessions``: by right and site, ended by those who may."""

from __future__ import annotations

import asyncio
import json

import pytest
from access_world import Caller, World

from twin.clock import NS_PER_MS

API = "/api/v1/sessions"


@pytest.fixture(scope="module")
def world(recorded, tmp_path_factory):
    made = World(recorded, tmp_path_factory.mktemp("sessions"))
    asyncio.run(made.hub.load())
    yield made
    made.reader.close()
    made.desk.close()


async def listed(world, who):
    answer = await world.ask("GET", API, cookies=world.cookies[who])
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_who_looks_at_what_is_listed_to_engineers_of_that_site_and_a_replay_can_be_ended(world):
    at_ms = world.clock.now_ns() / NS_PER_MS - 60_000
    for who in ("eva", "olaf", "vera", "chang", "ada", "all"):
        world.cookie(who)

    async def run():
        async with (
            Caller(world, "/ws/live?site=jeonju", "olaf") as olaf,
            Caller(world, "/ws/live?site=changwon", "chang") as chang,
        ):
            await olaf.until(lambda: len(olaf.texts) >= 3)
            await chang.until(lambda: len(chang.texts) >= 3)
            said = {"page": "/floor/jeonju", "at_ms": at_ms, "speed": 4, "playing": True, "active": True}
            await olaf.said.put({"type": "websocket.receive", "text": json.dumps(said)})
            for _ in range(100):
                rows = await listed(world, "eva")
                if rows and rows[0]["mode"] == "replay":
                    break
                await asyncio.sleep(0.01)
            (row,) = rows
            assert (row["who"], row["page"], row["at_ms"], row["speed"]) == ("olaf", "/floor/jeonju", at_ms, 4)
            assert [one["who"] for one in await listed(world, "chang")] == ["chang"]
            assert {one["who"] for one in await listed(world, "ada")} == {"olaf", "chang"}
            path = f"{API}/{row['id']}"
            for who, status in (("chang", 404), ("eva", 403), ("vera", 403)):
                answer = await world.ask("DELETE", path, cookies=world.cookies[who])
                assert answer.status_code == status, who
            ended = await world.ask("DELETE", path, cookies=world.cookies["olaf"])
            assert ended.status_code == 204
            await olaf.until(lambda: any(json.loads(text).get("ended") for text in olaf.texts))
            assert (await listed(world, "eva"))[0]["mode"] == "live"
        assert await listed(world, "ada") == []

    asyncio.run(run())


def test_only_engineers_are_told(world):
    assert world.get(API).status_code == 401
    assert world.get(API, "vera").status_code == 403
    assert world.get(API, "olaf").status_code == 403
    assert world.send("DELETE", f"{API}/nope", "eva").status_code == 404
