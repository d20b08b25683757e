"""How the streams keep time, in the database: worked out by `twin.punctuality`, kept with the counts of the frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.punctuality import Punctuality, see_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.stores._driver import Driver
    from twin.sample import Batch

MAX_REMEMBERED = 100_000


class Clocks:
    """The streams written lately (mutable: a memory of what the table holds)."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._known: dict[int, Punctuality] = {}

    def forget(self) -> None:
        """What is remembered may have been rolled back: read it again when it is needed."""
        self._known.clear()

    def see(self, batch: Batch, keys: Sequence[int]) -> list[Punctuality]:
        """How each part's stream keeps time, the batch's new frames taken."""
        found = [self._known.get(key) or self._read(key) for key in keys]
        see_batch(batch, found)
        return found

    def _read(self, key: int) -> Punctuality:
        rows = self._driver.ask("SELECT newest_ns, late, skew_ns FROM stream_count WHERE stream_key = ?", (key,))
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[key] = Punctuality(*rows[0]) if rows else Punctuality()
        return self._known[key]
