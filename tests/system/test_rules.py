"""Every address, every callback and every socket has its rule; and of another site nothing comes by any of them."""

from __future__ import annotations

import ast
import asyncio
import inspect
import itertools
import json
import textwrap
import types
from typing import Protocol

import dash
import numpy as np
import pytest
from access_world import PASSWORD, Caller, World, packets_of, routes_of
from fastapi import FastAPI

from connectors.desk import episodes as book
from connectors.desk import labelling
from connectors.packet import CHANGES, decode_packet, encode_packet
from dashboards.access import rules
from dashboards.access.auth import LOCAL, changes, needs, set_person
from dashboards.access.rules import RULES, SOCKET, UNRULED, rule_of
from dashboards.access.scope import SiteHistory
from dashboards.page import find_pages
from twin.clock import NS_PER_MS
from twin.episodes import Episode, Label, Method
from twin.policy import Person, Right, Role
from twin.ports import History
from twin.sample import Latest

MINE, OTHER = "jeonju", "changwon"
SITES = (MINE, OTHER)
WHEN_NS = 1_790_000_000 * 10**9
OTHERS = ("changwon", "창원", "Changwon")
CHANGING = {"writing", "note", "write", "write_text", "write_bytes", "unlink"}
"""Methods that change something, whatever object they are called on."""


@pytest.fixture(scope="module")
def world(recorded, tmp_path_factory):
    made = World(recorded, tmp_path_factory.mktemp("rules"))
    asyncio.run(_start(made))
    _label(made)
    yield made
    made.reader.close()
    made.desk.close()


def _label(world) -> None:
    """An episode of each site, told by two people."""
    assets = [next(one.asset for one in world.hub._streams.values() if one.asset.startswith(site)) for site in SITES]
    some = [
        Episode(f"{one}@{WHEN_NS}", one, WHEN_NS, WHEN_NS + 1, WHEN_NS, WHEN_NS + 1, Method.CYCLE) for one in assets
    ]
    book.keep(world.desk, "cut", some, dict.fromkeys(assets, (0, WHEN_NS + 2)))
    for who in ("kim", "lee"):
        labelling.put(world.desk, who, [Label(e.id, WHEN_NS, WHEN_NS + 1, "outcome", "success", "human") for e in some])


async def _start(world) -> None:
    await world.hub.load()
    told = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive():
        return next(told)

    async def send(_message):
        pass

    await world.app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)


# ---- the walk


def unruled(routes) -> list[tuple[str, str]]:
    return [(method, path) for method, path, _ in routes if (method, path) not in RULES]


def original(function):
    """What was written below ``@app.callback``, and the right that it was declared with."""
    right = None
    while True:
        right = right or getattr(function, "changes", None)
        inner = getattr(function, "__wrapped__", None)
        if inner is None:
            return function, right
        function = inner


def _names(function) -> dict[str, object]:
    """What the names in a function stand for."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {**function.__globals__, **{name: cell.cell_contents for name, cell in cells}}


def reached(function, seen=None) -> set[str]:
    """The methods called and the names used by a function and by those of the dashboards that it leads to."""
    seen = set() if seen is None else seen
    if function in seen:
        return set()
    seen.add(function)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    known, found = _names(function), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found.add("." + node.func.attr)
        target = None
        if isinstance(node, ast.Name):
            found.add(node.id)
            target = known.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = known.get(node.value.id)
            target = getattr(owner, node.attr, None) if isinstance(owner, types.ModuleType) else None
        if isinstance(target, types.FunctionType) and target.__module__.startswith("dashboards"):
            found |= reached(target, seen)
    return found


def undeclared(callback) -> str:
    """Why a callback has no rule; "" where it has: it reads, or it says which right it needs."""
    function, right = original(callback)
    used = reached(function)
    changing = sorted(name for name in used if name.startswith(".") and name[1:] in CHANGING)
    if changing and right is None and "needs" not in used:
        return f"{function.__module__}.{function.__qualname__} changes something ({', '.join(changing)})"
    if right is not None and "needs" not in used:
        return f"{function.__module__}.{function.__qualname__} is declared with {right} and asks for it at no site"
    return ""


def test_every_route_and_every_socket_has_a_rule(world, capsys):
    routes = routes_of(world.app._app)
    assert unruled(routes) == []
    there = {(method, path) for method, path, _ in routes}
    assert set(RULES) - there == set(), "a rule for what is not there"
    sockets = sum(method == SOCKET for method, _, _ in routes)
    with capsys.disabled():
        print(f"\n{len(routes) - sockets} routes and {sockets} sockets have a rule")


def test_every_callback_reads_or_says_what_right_it_needs(world, capsys):
    found = [entry["callback"] for entry in dash.get_app().callback_map.values() if "callback" in entry]
    assert len(found) > 10
    assert [why for one in found if (why := undeclared(one))] == []
    declared = [original(one)[1] or ("needs" in reached(original(one)[0])) for one in found]
    with capsys.disabled():
        print(
            f"\n{len(found)} callbacks: {sum(bool(one) for one in declared)} say what right they need, the others read"
        )


def test_the_walk_finds_what_has_no_rule(world):
    app = FastAPI()
    app.get("/view/secret")(lambda: "")
    assert unruled([one for one in routes_of(app) if one[1] == "/view/secret"]) == [("GET", "/view/secret")]
    assert rule_of("GET", "/view/secret") is UNRULED
    assert rule_of("POST", "/anything") is UNRULED
    assert rule_of(SOCKET, "/ws/other") is UNRULED

    async def quietly(click):
        world.desk.note("x", "y", "z")

    @changes(Right.CONFIGURE)
    async def nowhere(click):
        world.desk.note("x", "y", "z")

    @changes(Right.CONFIGURE)
    async def well(click):
        needs(Right.CONFIGURE, MINE)
        world.desk.note("x", "y", "z")

    assert "changes something (.note)" in undeclared(quietly)
    assert "at no site" in undeclared(nowhere)
    assert undeclared(well) == ""


def test_a_route_without_a_rule_is_for_administrators_only(world, monkeypatch):
    monkeypatch.delitem(RULES, ("GET", "/view/overview"))
    rules._patterns.cache_clear()
    try:
        assert world.get("/view/overview", "eva").status_code == 403
        assert world.get("/view/overview", "ada").status_code == 200
    finally:
        monkeypatch.undo()
        rules._patterns.cache_clear()


def test_nobody_gets_anything_that_is_not_for_anyone(world):
    for method, path, _ in routes_of(world.app._app):
        rule = RULES[method, path]
        if rule.right is None or method == SOCKET or "{" in path:
            continue
        sent = {"content-type": rule.body.value} if rule.body else {}
        assert world.send(method, path, headers=sent).status_code == 401, path


# ---- two sites


def values(world) -> dict[str, list[object]]:
    """What the parameters of the calls are asked with, once each: mine, the other's, and all."""
    now_ms = world.clock.now_ns() / NS_PER_MS
    ids = {
        site: next(one.asset for one in world.hub._streams.values() if one.asset.startswith(site))
        for site in (MINE, OTHER)
    }
    signals = {
        site: next(
            f"{one.asset}:{one.columns[0].name}"
            for one in world.hub._streams.values()
            if one.asset == asset and one.columns
        )
        for site, asset in ids.items()
    }
    return {
        "site": [None, "*", MINE, OTHER],
        "asset": [None, ids[OTHER], OTHER],
        "signal": [signals[MINE], signals[OTHER]],
        "at_ms": [now_ms - 1000],
        "from_ms": [now_ms - 60_000],
        "to_ms": [now_ms],
        "as_of_ms": [None, now_ms - 2000],
        "as_of": [None, now_ms - 2000],
        "place": [f"{OTHER}/machining/line1", f"{MINE}/weld/line1"],
        "scope": [OTHER, MINE, ids[OTHER]],
        "pen": [signals[OTHER], signals[MINE]],
        "a": [f"{now_ms - 3000}..{now_ms - 2000}"],
        "b": [f"{now_ms - 2000}..{now_ms - 1000}"],
        "of": [f"{now_ms - 60_000}..{now_ms}"],
        "origin_ms": [now_ms - 60_000],
        "start_ms": [now_ms - 60_000],
        "end_ms": [now_ms],
        "day": [None],
        "shift": [None],
        "stop": ["0", "1"],
        "episode": [f"{ids[OTHER]}@{WHEN_NS}", f"{ids[MINE]}@{WHEN_NS}"],
    }


def told(world, path: str, query: dict) -> bytes:
    """What a call tells, without what the caller said himself; packets by the ids of their streams."""
    answer = world.get(path, "eva", **query)
    assert answer.status_code < 500, (path, query, answer.text)
    body = answer.content
    if answer.status_code != 200:
        return b""
    if answer.headers["content-type"] == "application/octet-stream":
        packets = [body] if path == "/view/state" else packets_of(body)
        streams = [latest.stream.id for one in packets for _, latest in decode_packet(one, world.hub._streams)[2]]
        assert streams
        return json.dumps(streams).encode()
    return body


def test_of_the_other_site_no_call_tells_anything(world):
    asked = values(world)
    calls = 0
    for method, path, route in routes_of(world.app._app):
        if method != "GET" or not path.startswith(("/view/", "/api/v1/")) or not hasattr(route, "dependant"):
            continue
        names = [one.alias for one in route.dependant.query_params]
        unknown = [
            one.alias for one in route.dependant.query_params if one.field_info.is_required() and one.alias not in asked
        ]
        assert not unknown, f"{path} needs {unknown}: say above what to ask it with"
        known = [name for name in names if name in asked]
        for chosen in itertools.product(*(asked[name] for name in known)):
            query = {name: value for name, value in zip(known, chosen, strict=True) if value is not None}
            body = told(world, path, query).decode("utf-8", "replace")
            assert not any(word in body for word in OTHERS), (path, query, body[:500])
            calls += 1
    assert calls > 60


def test_the_other_sites_person_is_told_of_it(world):
    """The walk above would be worth nothing if no answer ever held the other site."""
    for path in ("/view/overview", "/view/directory", "/view/events", "/view/connections", "/api/v1/assets"):
        assert any(word in world.get(path, "all").text for word in OTHERS), path


@pytest.mark.parametrize("who", ["eva", "olaf", "vera"])
def test_of_the_other_site_no_page_tells_anything(world, who):
    output = next(key for key in dash.get_app().callback_map if key.startswith("..page.children"))
    outputs = [dict(zip(("id", "property"), one.rsplit(".", 1), strict=True)) for one in output.strip(".").split("...")]
    for page in find_pages():
        for rest in ("", f"/{MINE}", "/devices", "/mapping"):
            body = {
                "outputs": outputs,
                "inputs": [{"id": "url", "property": "pathname", "value": page.path.rstrip("/") + rest or "/"}],
                "changedPropIds": ["url.pathname"],
            }
            answer = world.callback(output, who, **body)
            assert answer.status_code == 200, (page.path, answer.text)
            assert not any(word in answer.text.replace("\\u", "") for word in OTHERS), (page.path, rest)
            assert not any(word in json.dumps(answer.json(), ensure_ascii=False) for word in OTHERS), (page.path, rest)


def test_of_the_other_site_no_callback_tells_anything(world):
    for output, entry in dash.get_app().callback_map.items():
        outputs = [
            dict(zip(("id", "property"), one.rsplit(".", 1), strict=True)) for one in output.strip(".").split("...")
        ]
        inputs = [{**one, "value": OTHER} for one in entry["inputs"]]
        state = [{**one, "value": f"{OTHER}/x"} for one in entry.get("state", [])]
        body = {
            "outputs": outputs if output.startswith("..") else outputs[0],
            "inputs": inputs,
            "state": state,
            "changedPropIds": [f"{inputs[0]['id']}.{inputs[0]['property']}"] if inputs else [],
        }
        answer = world.callback(output, "eva", **body)
        said = json.dumps(answer.json(), ensure_ascii=False) if answer.status_code == 200 else ""
        assert not any(word in said for word in OTHERS[1:]), (output, said[:500])


def test_of_the_other_site_the_history_holds_nothing(world):
    """Every question of the port, whoever asks it later: what is narrowed there needs no care on a page."""
    whole = world.reader.history()
    end_ns = world.clock.now_ns() + 1
    set_person(Person("eva", Role.ENGINEER, frozenset({MINE})))
    try:
        seen = world.reader.history()
        streams = {one.id for one in world.hub._streams.values() if one.asset.startswith(OTHER)}
        text = next(one for one in world.hub._streams.values() if one.id in streams and one.text_columns)
        held = [
            seen.streams(), seen.latest(), seen.as_of(end_ns), seen.as_of(end_ns, streams), seen.events(0, end_ns),
            seen.events(0, end_ns, asset=OTHER), seen.alarms(), seen.alarms_at(end_ns), seen.alarm_events(0, end_ns),
            seen.alarm_events(0, end_ns, asset=OTHER), seen.by_stream(), seen.by_source(), seen.newcomers(),
            seen.findings(), seen.gaps(), seen.dead_letters(), world.behind.factory, world.hub.latest,
            *(list(seen.batches(writer)) for writer in seen.writers()),
            *(list(seen.keyframes(writer)) for writer in seen.writers()),
            *(seen.last_keyframe(writer).state for writer in seen.writers()),
        ]  # fmt: skip
        assert [repr(one)[:300] for one in held if any(word in repr(one) for word in OTHERS)] == []
        came = seen.received(end_ns)
        told_by_then = [
            came.events(0, end_ns), came.events(0, end_ns, asset=OTHER), came.alarms_at(end_ns),
            came.alarm_events(0, end_ns), came.alarm_events(0, end_ns, asset=OTHER),
        ]  # fmt: skip
        assert not any(word in repr(told_by_then) for word in OTHERS)
        assert came.events(0, end_ns, limit=100_000) == seen.events(0, end_ns, limit=100_000)
        for one in (seen, came):
            assert not any(len(one.frames(stream, 0, end_ns)) for stream in streams)
            assert not one.density(streams, 0, end_ns, 4).any()
            assert one.text_changes(text.id, text.text_columns[0].name, 0, end_ns) == []
        assert seen.latest()
        mine = (MINE, *(f"twin/ingest/{source}" for source in seen.by_source()))
        told, all_told = seen.events(0, end_ns, limit=100_000), whole.events(0, end_ns, limit=100_000)
        expected = [one for one in all_told if one.asset.startswith(mine)]
        assert len(expected) > 100
        assert sorted(told, key=repr) == sorted(expected, key=repr)
        assert [one.t_ns for one in told] == [one.t_ns for one in expected], "newest first"
        assert set(dir(History)) - set(dir(SiteHistory)) <= set(dir(Protocol)), "a question that is not narrowed"
    finally:
        set_person(LOCAL)


def test_a_refused_message_is_told_where_its_topic_names_the_site(world):
    (letter,) = world.get("/view/connections", "eva").json()["dead_letters"]
    assert letter["topic"].startswith(f"{MINE}/")
    assert world.get("/view/connections", "chang").json()["dead_letters"] == []


def test_the_other_sites_address_is_one_that_is_not_there(world):
    for path, query in (
        ("/view/directory", {"site": OTHER}),
        ("/api/v1/assets", {"site": OTHER}),
        ("/api/v1/latest", {"asset": values(world)["asset"][1]}),
        ("/api/v1/samples", {"signal": values(world)["signal"][1]}),
    ):
        assert world.get(path, "eva", **query).status_code == 404, path


def _changed(world):
    """A packet as ingest sends it: every stream of both sites."""
    keys = {stream.id: key for key, stream in world.hub._streams.items()}
    now_ns = world.clock.now_ns()
    return encode_packet(
        CHANGES,
        now_ns,
        [
            (keys[name], Latest(one.stream, now_ns, 0, now_ns, one.quality, np.array(one.values), one.texts))
            for name, one in world.hub._latest.items()
        ],
    )


@pytest.mark.parametrize("site", ["*", MINE])
def test_of_the_other_site_the_socket_tells_nothing(world, site):
    async def heard():
        async with Caller(world, f"/ws/live?site={site}", "eva") as caller:
            await caller.until(lambda: len(caller.texts) >= 2 and caller.bodies)
            world.hub.receive(_changed(world))
            world.hub._tick()
            await world.hub._once_a_second()
            await caller.until(lambda: len(caller.bodies) >= 2 and len(caller.texts) >= 3)
            return caller

    world.cookie("eva")  # she logs in by a loop of her own
    caller = asyncio.run(heard())
    assert not any(word in text for text in caller.texts for word in OTHERS)
    for body in caller.bodies:
        assets = {latest.stream.asset for _, latest in decode_packet(body, world.hub._streams)[2]}
        assert assets
        assert not [asset for asset in assets if asset.startswith(OTHER)]


def test_sockets_of_the_other_site_and_of_nobody_are_refused(world):
    async def code(path, who="", headers=()):
        async with Caller(world, path, who, headers) as caller:
            await caller.until(lambda: caller.code is not None)
            return caller.code

    world.cookie("eva"), world.cookie("ada")
    assert asyncio.run(code(f"/ws/live?site={OTHER}", "eva")) == 4404
    assert asyncio.run(code("/ws/live")) == 4401
    assert asyncio.run(code("/_dash-ws-callback")) == 4401
    assert asyncio.run(code("/ws/live", "ada", [(b"origin", b"http://evil.example")])) == 4403
    assert asyncio.run(code("/ws/nowhere", "eva")) == 4403


@pytest.mark.parametrize("what", ["logout", "revoke", "remove", "lock", "expiry", "less"])
def test_a_socket_is_closed_with_its_session(recorded, tmp_path, what):
    world = World(recorded, tmp_path)
    gate = world.app._gate

    async def heard():
        await world.hub.load()
        world.cookies["vera"] = dict((await world.ask("POST", "/login", data=_fields("vera"))).cookies)
        async with Caller(world, "/ws/live?site=*", "vera") as caller:
            await caller.until(lambda: len(caller.texts) >= 2)
            assert caller.code is None
            if what == "logout":
                await world.ask("POST", "/logout", cookies=world.cookies["vera"])
            elif what == "revoke":
                gate.sessions.revoke("terminal", "vera")
            elif what == "remove":
                world.accounts.remove("terminal", "vera")
            elif what == "lock":
                world.accounts.change("terminal", "vera", locked=True)
            elif what == "less":
                world.accounts.change("terminal", "vera", sites=[OTHER])
            else:
                world.clock.advance(13 * 3600)
            await caller.until(lambda: caller.code is not None, 5)
            await asyncio.wait_for(caller.task, 5)
            return caller.code

    assert asyncio.run(heard()) == 4401
    assert world.hub.clients == set()
    world.reader.close()
    world.desk.close()


def _fields(name):
    return {"name": name, "password": PASSWORD}
