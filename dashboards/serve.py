"""The web process: the hub's ear, its tasks, and the pages, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from typing import TYPE_CHECKING

import uvicorn

from connectors.desk import Desk
from connectors.desk.accounts import Accounts
from connectors.plugins import asset_types, rules_of
from connectors.stores.sql import open_history
from connectors.wall_clock import WallClock
from dashboards.app import create_app
from dashboards.live import LiveHub
from dashboards.notices import Notices
from dashboards.page import Behind
from dashboards.reader import Reader
from dashboards.subscription import Subscription
from dashboards.summary.alarm_words import AlarmWords
from twin.errors import ConfigError, Mistake, StoreError

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from twin.config import Factory

log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """Uvicorn without signals: they belong to the process's own event."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them as they are."""
        yield


STOP_S = 1
POLL_S = 0.1


class _CutOff(logging.Filter):
    """Leaves out what the stop itself cut off: a request that waits for its rest, a socket whose browser is asleep."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line of the server's is told."""
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, asyncio.CancelledError) and "graceful shutdown exceeded" not in record.getMessage()


def run_web(factory: Factory, stop: threading.Event, file: Path) -> None:
    """Serve the pages on ``[web] host`` and ``port`` until ``stop`` is set.

    Broker and store may be away at the start and come later. ``file`` is the factory file.
    """
    clock = WallClock()
    desk = Desk(factory.store.url, clock, file.parent)
    check_open(factory, desk)
    reader = Reader(lambda: open_history(factory.store.url), clock)
    words = AlarmWords(rules_of(factory))
    hub = LiveHub(factory.hub, asset_types(), reader, clock, Notices(factory.store, clock), words)
    hub.viewings.idle_s = factory.web.replay_idle_min * 60.0
    behind = Behind(factory, hub, reader, desk, clock, file.parent, file)
    server = _Server(
        uvicorn.Config(
            create_app(behind, lambda: _living(factory, hub)),
            host=factory.web.host,
            port=factory.web.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_S,
            ws_max_size=4096,
            limit_concurrency=1000,
        )
    )
    logging.getLogger("uvicorn.error").addFilter(_CutOff())
    try:
        asyncio.run(_serve(server, stop))
    finally:
        reader.close()
        desk.close()


def check_open(factory: Factory, desk: Desk) -> None:
    """Raises ConfigError where the pages would be open to other machines, and there are no accounts.

    While nobody can know, because the database is away, they may start: they let nobody in then.
    """
    web = factory.web
    if web.is_local or web.allow_remote_without_users:
        return
    with contextlib.suppress(StoreError):
        if not Accounts(desk).exist():
            do = (
                'make accounts with `twin users add`; or host = "127.0.0.1"; '
                "or allow_remote_without_users = true if the network itself is guarded"
            )
            raise ConfigError((Mistake("web.host", f"{web.host} is open to others, and there are no users yet", do),))


async def _serve(server: uvicorn.Server, stop: threading.Event) -> None:
    """Serve until told to stop."""
    serving = asyncio.create_task(server.serve())
    while not stop.is_set() and not serving.done():  # noqa: ASYNC110  signals set a threading.Event
        await asyncio.sleep(POLL_S)
    server.should_exit = True
    await serving


@contextlib.asynccontextmanager
async def _living(factory: Factory, hub: LiveHub) -> AsyncIterator[None]:
    """Subscribe, load, tick; all of it ends with the server."""
    loop = asyncio.get_running_loop()

    def received(body: bytes) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may have ended meanwhile
            loop.call_soon_threadsafe(hub.receive, body)

    def connected(stands: bool) -> None:  # noqa: FBT001  a callback's one fact
        hub.connected = stands

    subscription = Subscription(factory, received, connected)
    try:
        await hub.load()
    except StoreError as error:
        log.info("no history yet: %s", error)
    # What lives now lives to the end; without it the collector stops the pages for milliseconds, not for a third of a
    # second.
    gc.collect()
    gc.freeze()
    running = asyncio.create_task(hub.run())
    try:
        yield
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await asyncio.to_thread(subscription.close)
