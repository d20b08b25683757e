"""``/ws/live``: one task a browser, which sends what the hub has for it and hears what the browser looks at."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboards.access.auth import person, sees
from dashboards.live import MAX_CLIENTS
from dashboards.summary.directory import EVERY_SITE

if TYPE_CHECKING:
    from dashboards.live import Client, LiveHub
    from dashboards.viewings import Viewing, Viewings

SEND_TIMEOUT_S = 30.0
TRY_AGAIN_LATER = 1013
UNKNOWN_SITE = 4404


async def serve_live(socket: WebSocket, hub: LiveHub) -> None:
    """Serve one browser until it goes, or takes nothing for `SEND_TIMEOUT_S`."""
    site = socket.query_params.get("site", EVERY_SITE)
    await socket.accept()
    if site != EVERY_SITE and (hub.hub.site(site) is None or not sees(site)):
        await socket.close(UNKNOWN_SITE, "no such site")
        return
    if len(hub.clients) >= MAX_CLIENTS:
        await socket.close(TRY_AGAIN_LATER, "too many browsers")
        return
    client, first = hub.join(site)
    viewing = hub.viewings.join(person(), site, client.tell_session)
    tasks = {
        asyncio.create_task(_send(socket, hub, client, first)),
        asyncio.create_task(_listen(socket, hub.viewings, viewing)),
    }
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        hub.leave(client)
        hub.viewings.leave(viewing)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close()


async def _send(socket: WebSocket, hub: LiveHub, client: Client, messages: list[str | bytes]) -> None:
    while True:
        for message in messages:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await (socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message))
        await client.wake.wait()
        messages = hub.take(client)


async def _listen(socket: WebSocket, viewings: Viewings, viewing: Viewing) -> None:
    """A browser says what it looks at; anything else ends the connection's patience no more than a ping does."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text:
            viewings.hear(viewing, text)
