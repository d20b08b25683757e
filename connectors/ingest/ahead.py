"""Decoding the next messages while the last ones are stored.

The database works without the interpreter's lock, so a second thread uses it meanwhile. One batch
ahead and no more: what waits longer waits in the queue.
"""

from __future__ import annotations

import queue
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.ingest.pipeline import Pipeline, Prepared

SWITCH_S = 0.002
"""How long a thread that wants the interpreter waits for one that has it: the writer asks many times a batch."""
_END_S = 0.05


class DecodingAhead:
    """Prepares batches for one pipeline. Mutable; its thread prepares, whoever calls `take` stores."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._prepared: queue.Queue[Prepared | BaseException] = queue.Queue(1)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decode", daemon=True)

    def start(self) -> None:
        """Begin."""
        sys.setswitchinterval(SWITCH_S)
        self._thread.start()

    def take(self) -> Prepared | None:
        """The next batch, in order; None after `stop`, when all is handed out. Raises what preparing raised."""
        while True:
            try:
                prepared = self._prepared.get(timeout=_END_S)
            except queue.Empty:
                if not self._thread.is_alive() and self._prepared.empty():
                    return None
                continue
            if isinstance(prepared, BaseException):
                raise prepared
            return prepared

    def stop(self) -> None:
        """Prepare nothing more; what is prepared is still handed out."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                prepared: Prepared | BaseException = self._pipeline.prepare()
            except BaseException as error:  # noqa: BLE001  whoever stores raises it
                prepared = error
            while True:
                try:
                    self._prepared.put(prepared, timeout=_END_S)
                    break
                except queue.Full:
                    continue
            if isinstance(prepared, BaseException):
                return
