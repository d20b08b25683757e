"""Messages from a recorded file: a capture (JSONL), or a CSV table by a mapping.

```toml
[[source]]
name = "yesterday"
type = "capture"
path = "yesterday.jsonl"
decoder = "json_object"
```
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.recorded import Tally, read_recorded
from connectors.sources import Share
from twin.config import topic_matches
from twin.errors import TwinError
from twin.ports import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connectors.sources import Surroundings
    from twin.config import SourceConfig
    from twin.events import Event

log = logging.getLogger(__name__)


class Source:
    """Delivers the file's messages as fast as they are stored. Mutable: its thread reads.

    Reading begins anew at every start: what is stored already counts as duplicate.
    """

    def __init__(self, config: SourceConfig, surroundings: Surroundings) -> None:
        del surroundings
        self.name = config.name
        self._config = config
        self._share = Share(config)
        self.acknowledged = 0
        self.tally = Tally()
        self.exhausted = threading.Event()
        self._room = threading.Event()
        self._stopping = threading.Event()

    @property
    def connected(self) -> bool:
        """Whether there is more to read."""
        return not self.exhausted.is_set()

    def start(self, deliver: Callable[[Sequence[Delivery]], int], report: Callable[[Event], None]) -> None:
        """Deliver everything from a thread of its own."""
        del report
        threading.Thread(target=self._run, args=(deliver,), name=f"capture-{self.name}", daemon=True).start()

    def acknowledge(self, receipts: Sequence[object]) -> None:
        """Count them."""
        self.acknowledged += len(receipts)

    def hold(self) -> None:
        """Nothing to do: the file waits by itself while there is no room."""

    def resume(self) -> None:
        """Go on."""
        self._room.set()

    def stop(self) -> None:
        """End reading."""
        self._stopping.set()
        self._room.set()

    def _run(self, deliver: Callable[[Sequence[Delivery]], int]) -> None:
        mapping = Path(self._config.map) if self._config.map else None
        try:
            for message in read_recorded(Path(self._config.path), mapping, self.tally):
                if not self._share.has(message.topic):
                    continue
                if self._config.topics and not any(topic_matches(t, message.topic) for t in self._config.topics):
                    continue
                delivery = Delivery(self.name, message, self.tally.rows)
                while not self._stopping.is_set() and not deliver([delivery]):
                    self._room.clear()
                    self._room.wait(1.0)
                if self._stopping.is_set():
                    return
        except TwinError as error:
            log.error("%s: %s", self.name, error)  # noqa: TRY400  the file and line are in it
        finally:
            self.exhausted.set()
