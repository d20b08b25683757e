"""Live packets out to the web processes: at most ten a second, after commit, newest values only."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from connectors.packet import CHANGES, encode_packet
from twin.config import OWN_TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from twin.clock import Clock
    from twin.sample import Batch, Latest

PERIOD_S = 0.1
LIVE_TOPIC = OWN_TOPICS + "live/"


class LivePackets:
    """Gathers what commits changed and sends it. Mutable; the writer adds, its own thread sends."""

    def __init__(
        self, stream_keys: Callable[[], Mapping[str, int]], send: Callable[[bytes], None], clock: Clock
    ) -> None:
        self._stream_keys = stream_keys
        self._send = send
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[int, Latest] = {}
        self._keys: dict[str, int] = {}
        self._stop = threading.Event()
        self._something = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-packets", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send the rest and end."""
        self._stop.set()
        self._something.set()
        self._thread.join(2.0)

    def committed(self, batch: Batch, changed: Sequence[Latest]) -> None:
        """Take what a commit changed; called by the writer after COMMIT."""
        del batch
        if any(latest.stream.id not in self._keys for latest in changed):
            self._keys.update(self._stream_keys())
        with self._lock:
            for latest in changed:
                self._waiting[self._keys[latest.stream.id]] = latest
        self._something.set()

    def _run(self) -> None:
        """Send the first change at once, and what comes within the next period with the next packet."""
        while not self._stop.wait(PERIOD_S):
            self._something.wait()
            self._something.clear()
            self._flush()
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        if waiting:
            self._send(encode_packet(CHANGES, self._clock.now_ns(), list(waiting.items())))
