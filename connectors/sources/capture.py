"""Messages from a capture: one JSON object a line with ts, topic, qos, retain and payload_b64."""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING

import msgspec

from twin.errors import SourceError
from twin.message import Message
from twin.ports import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from twin.events import Event


class Line(msgspec.Struct):
    """One captured message; ``ts`` is the receive time in seconds UTC."""

    ts: float
    topic: str
    payload_b64: str
    qos: int = 0
    retain: int = 0

    def message(self) -> Message:
        """The message as it arrived."""
        return Message(
            self.topic, base64.b64decode(self.payload_b64), round(self.ts * 1e9), self.qos, bool(self.retain)
        )


def read_capture(path: Path) -> Iterator[Message]:
    """The messages of a JSONL capture; raises SourceError with the line that cannot be read."""
    decoder = msgspec.json.Decoder(Line)
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        yield decoder.decode(line).message()
                    except (msgspec.DecodeError, ValueError) as error:
                        raise SourceError(f"{path}, line {number}: {error}") from error
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error


class Source:
    """Delivers a capture's messages at once, and counts what was acknowledged. Mutable."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path
        self.acknowledged = 0
        self.exhausted = threading.Event()
        self._room = threading.Event()

    def start(self, deliver: Callable[[Delivery], bool], report: Callable[[Event], None]) -> None:
        """Deliver everything from a thread of its own."""
        del report
        threading.Thread(target=self._run, args=(deliver,), name=f"capture-{self.name}", daemon=True).start()

    def acknowledge(self, receipts: Sequence[object]) -> None:
        """Count them."""
        self.acknowledged += len(receipts)

    def resume(self) -> None:
        """Go on."""
        self._room.set()

    def stop(self) -> None:
        """Nothing to release."""

    def _run(self, deliver: Callable[[Delivery], bool]) -> None:
        try:
            for number, message in enumerate(read_capture(self._path)):
                while not deliver(Delivery(self.name, message, number)):
                    self._room.clear()
                    self._room.wait(1.0)
        finally:
            self.exhausted.set()
