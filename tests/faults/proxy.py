"""A TCP proxy that does to a connection what networks do: reset, cut in the middle of a packet, swallow, slow."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass


@dataclass
class Weather:
    """What is done to every byte that passes (mutable: the test changes it while the proxy runs)."""

    latency_s: float = 0.0
    bytes_per_s: float = 0.0
    black_hole: bool = False
    cut_after: int | None = None
    """So many more bytes towards the server or client, then the connection is cut where it is."""
    refuse: bool = False


class Proxy:
    """Listens on a port of its own and passes on to ``port`` (mutable; its thread runs the loop)."""

    def __init__(self, port: int) -> None:
        self.weather = Weather()
        self.connections = 0
        self._to = port
        self._open: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()
        assert self._listening.wait(10), "the proxy does not listen"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(task)
        self._loop.close()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        if self.weather.refuse:
            _reset(to_client)
            return
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            _reset(to_client)
            return
        self.connections += 1
        pair = (to_client, to_server)
        self._open.add(pair)
        ways = [
            asyncio.ensure_future(self._pass(client, to_server)),
            asyncio.ensure_future(self._pass(server, to_client)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.discard(pair)
            for way in ways:
                way.cancel()
            for writer in pair:
                writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                weather = self.weather
                while weather.black_hole:  # noqa: ASYNC110  the test's thread sets it
                    await asyncio.sleep(0.05)
                if weather.latency_s:
                    await asyncio.sleep(weather.latency_s)
                if weather.bytes_per_s:
                    await asyncio.sleep(len(data) / weather.bytes_per_s)
                if weather.cut_after is not None:
                    part, weather.cut_after = data[: weather.cut_after], weather.cut_after - len(data)
                    if weather.cut_after <= 0:
                        weather.cut_after = None
                        writer.write(part)
                        await writer.drain()
                        return
                writer.write(data)
                await writer.drain()

    def reset(self) -> None:
        """Every connection ends with an RST, now."""
        self._call(self._reset_all)

    def _reset_all(self) -> None:
        for pair in list(self._open):
            for writer in pair:
                _reset(writer)

    def _call(self, what) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (what(), done.set()))
        assert done.wait(10), "the proxy does not answer"

    def close(self) -> None:
        self.weather.black_hole = False
        self._call(self._reset_all)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


def _reset(writer: asyncio.StreamWriter) -> None:
    line = writer.get_extra_info("socket")
    if line is not None:
        with contextlib.suppress(OSError):
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
