"""Two recorded sites behind a login: an application on a desk of its own, and people who ask it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import shutil
import tempfile
from pathlib import Path

import httpx
from sqlalchemy import select
from starlette.routing import Mount, WebSocketRoute

from connectors.desk import Desk
from connectors.desk.accounts import Accounts
from connectors.desk.tables import audit
from connectors.desk.tokens import Tokens
from connectors.plugins import asset_types
from connectors.stores.sql import open_history
from dashboards.access.rules import SOCKET
from dashboards.app import create_app
from dashboards.live import LiveHub
from dashboards.page import Behind
from dashboards.reader import Reader
from twin.clock import ManualClock
from twin.policy import EVERY_SITE, Role

HOST = "http://127.0.0.1:8050"
PASSWORD = "correct horse battery"  # noqa: S105  of people who live in tests
PEOPLE = {
    "ada": (Role.ADMIN, EVERY_SITE),
    "eva": (Role.ENGINEER, "jeonju"),
    "olaf": (Role.OPERATOR, "jeonju"),
    "vera": (Role.VIEWER, "jeonju"),
    "all": (Role.VIEWER, EVERY_SITE),
    "chang": (Role.ENGINEER, "changwon"),
}
FORM = {"content-type": "application/x-www-form-urlencoded"}


class World:
    """The application, its clock and its desk (mutable)."""

    def __init__(self, recorded, folder, *, people=PEOPLE, web=None, reader=None) -> None:
        self.clock = ManualClock(recorded.end_ns)
        self.factory = recorded.factory if web is None else dataclasses.replace(recorded.factory, web=web)
        self.reader = reader or Reader(lambda: open_history(recorded.url), self.clock)
        self.hub = LiveHub(recorded.factory.hub, asset_types(), self.reader, self.clock)
        self.desk = Desk(f"sqlite:///{folder}/twin.db", self.clock)
        self.accounts, self.tokens = Accounts(self.desk), Tokens(self.desk)
        if people:
            for made in _desk_of(tuple(people)).iterdir():
                shutil.copy2(made, folder)
        self.behind = Behind(self.factory, self.hub, self.reader, self.desk, self.clock, recorded.folder)
        self.app = create_app(self.behind, _nothing)
        self.cookies: dict[str, dict[str, str]] = {}

    async def ask(self, method: str, path: str, **how) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
            return await client.request(method, path, **how)

    def get(self, path: str, who: str = "", **params) -> httpx.Response:
        return self.send("GET", path, who, params=params or None)

    def send(self, method: str, path: str, who: str = "", **how) -> httpx.Response:
        return asyncio.run(self.ask(method, path, cookies=self.cookie(who), **how))

    def cookie(self, who: str) -> dict[str, str]:
        """The session of one of them, begun when it is first asked for."""
        if not who:
            return {}
        if who not in self.cookies:
            answer = self.log_in(who)
            assert answer.status_code == 303, answer.text
            self.cookies[who] = dict(answer.cookies)
        return self.cookies[who]

    def log_in(self, name: str, password: str = PASSWORD, *, target: str = "/", headers=None, cookies=None):
        fields = {"name": name, "password": password, "next": target}
        return asyncio.run(self.ask("POST", "/login", data=fields, headers=headers, cookies=cookies))

    def callback(self, output: str, who: str, **body) -> httpx.Response:
        return self.send("POST", "/_dash-update-component", who, json={"output": output, **body})

    def acts(self) -> list[tuple[str, str, str]]:
        with self.desk.reading() as connection:
            rows = connection.execute(select(audit.c.who, audit.c.act, audit.c.subject).order_by(audit.c.n))
            return [tuple(row) for row in rows]


@functools.cache
def _desk_of(names: tuple[str, ...]) -> Path:
    """A folder with a desk that has these people, made once: passwords are slow to hash, by intention."""
    folder = Path(tempfile.mkdtemp(prefix="twin-desk-"))
    desk = Desk(f"sqlite:///{folder}/twin.db", ManualClock(1))
    for name in names:
        role, site = PEOPLE[name]
        Accounts(desk).add("terminal", name, PASSWORD, role, [site])
    desk.close()
    return folder


class Caller:
    """A browser's socket, driven as the server drives it (mutable)."""

    def __init__(self, world: World, path: str, who: str = "", headers=()) -> None:
        cookie = "; ".join(f"{name}={value}" for name, value in world.cookie(who).items())
        path, _, query = path.partition("?")
        self.scope = {
            "type": "websocket", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "scheme": "ws", "http_version": "1.1", "root_path": "", "subprotocols": [], "asgi": {"version": "3.0"},
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8050),
            "headers": [(b"host", b"127.0.0.1:8050"), (b"cookie", cookie.encode()), *headers],
        }  # fmt: skip
        self.sent: list[dict] = []
        self.said: asyncio.Queue = asyncio.Queue()
        self.app = world.app
        self.task: asyncio.Task | None = None

    async def __aenter__(self):
        await self.said.put({"type": "websocket.connect"})
        self.task = asyncio.create_task(self.app(self.scope, self.said.get, self._send))
        return self

    async def __aexit__(self, *_):
        await self.said.put({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(self.task, 5)

    async def _send(self, message) -> None:
        self.sent.append(message)

    async def until(self, happens, within_s: float = 5.0) -> None:
        async with asyncio.timeout(within_s):
            while not happens():  # noqa: ASYNC110  what the application does by itself
                await asyncio.sleep(0.01)

    @property
    def code(self) -> int | None:
        """The code it was closed with."""
        return next((one["code"] for one in self.sent if one["type"] == "websocket.close"), None)

    @property
    def texts(self) -> list[str]:
        return [one["text"] for one in self.sent if one.get("text") is not None]

    @property
    def bodies(self) -> list[bytes]:
        return [one["bytes"] for one in self.sent if one.get("bytes") is not None]


@contextlib.asynccontextmanager
async def _nothing():
    yield


def routes_of(app) -> list[tuple[str, str, object]]:
    """(method or WS, the route's own path, route) of every one, those of included routers too."""
    found = []
    for route in app.routes:
        if hasattr(route, "original_router"):
            found += routes_of(route.original_router)
        elif isinstance(route, WebSocketRoute) or type(route).__name__ == "APIWebSocketRoute":
            found.append((SOCKET, route.path, route))
        elif isinstance(route, Mount):
            found.append(("GET", route.path, route))
        else:
            found += [(method, route.path, route) for method in sorted(route.methods - {"HEAD", "OPTIONS"})]
    return found


def packets_of(chunk: bytes) -> list[bytes]:
    """The live packets that a chunk of a replay is made of."""
    count, at, found = int.from_bytes(chunk[:4], "little"), 8, []
    for _ in range(count):
        size = int.from_bytes(chunk[at : at + 4], "little")
        found.append(chunk[at + 8 : at + 8 + size])
        at += 8 + size
    return found
