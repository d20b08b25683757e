"""Live clients of `twin bench web`, many in one process: ``python -m dashboards.bench.listeners URL COUNT STALLED``.

They read what the live socket sends and drop it; ``STALLED`` of them connect and never read. Prints ``ready``, ends
with its input.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException


async def _listen(url: str, connected: asyncio.Semaphore) -> None:
    async with connect(url, max_size=None, compression=None) as socket:
        connected.release()
        async for _ in socket:
            pass


async def _stall(url: str, connected: asyncio.Semaphore) -> None:
    # One message is kept, the next ones wait in the sockets of both sides.
    async with connect(url, max_size=None, compression=None, max_queue=1):
        connected.release()
        await asyncio.Event().wait()


async def _run(url: str, count: int, stalled: int) -> None:
    connected = asyncio.Semaphore(0)
    tasks = [asyncio.create_task((_stall if number < stalled else _listen)(url, connected)) for number in range(count)]
    for _ in range(count):
        await asyncio.wait_for(connected.acquire(), 30)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()
    with contextlib.suppress(WebSocketException):
        await asyncio.gather(*tasks, return_exceptions=True)


def main() -> None:
    """Listen until the input ends."""
    url, count, stalled = sys.argv[1:]
    asyncio.run(_run(url, int(count), int(stalled)))


if __name__ == "__main__":
    main()
