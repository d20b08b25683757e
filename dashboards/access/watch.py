"""A socket that lives no longer than the session it was opened with."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOK_S = 0.5
UNKNOWN = 4401
"""The close code that says: log in (again)."""


async def watched(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, still_in: Callable[[], Awaitable[bool]]
) -> None:
    """Serve a socket while ``still_in`` says yes, then close it; the application is told that the browser went."""
    over = asyncio.Event()
    closed = False

    async def sending(message: Message) -> None:
        nonlocal closed
        if over.is_set() or closed:
            return
        closed = message["type"] == "websocket.close"
        await send(message)

    async def receiving() -> Message:
        if over.is_set():
            return {"type": "websocket.disconnect", "code": UNKNOWN}
        message, ended = asyncio.ensure_future(receive()), asyncio.ensure_future(over.wait())
        try:
            await asyncio.wait((message, ended), return_when=asyncio.FIRST_COMPLETED)
            if message.done() and not over.is_set():
                return message.result()
            return {"type": "websocket.disconnect", "code": UNKNOWN}
        finally:
            for task in (message, ended):
                task.cancel()

    async def watch() -> None:
        while await still_in():  # noqa: ASYNC110  other processes end sessions too
            await asyncio.sleep(LOOK_S)
        over.set()
        if not closed:
            await send({"type": "websocket.close", "code": UNKNOWN, "reason": "the session is over"})

    watching = asyncio.create_task(watch())
    try:
        await app(scope, receiving, sending)
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError, RuntimeError):
            await watching
