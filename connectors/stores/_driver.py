"""What the writer asks of a database, beneath the SQL that both understand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from connectors.stores._rows import Rows

Key = tuple[int, int, int]
"""(stream_key, t_ns, seq): a frame's identity."""


class Driver(Protocol):
    """One connection of the writer. SQL is written with ``?`` for parameters."""

    def begin(self) -> None:
        """Begin a transaction, connecting anew where the connection is gone."""
        ...

    def commit(self) -> None:
        """Make the transaction durable."""
        ...

    def rollback(self) -> None:
        """Undo the transaction; never raises."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement; how many rows it changed."""
        ...

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for many rows."""
        ...

    def many_typed(self, sql: str, types: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Run one ``INSERT … VALUES (?,?…) …`` for many rows with columns of these PostgreSQL types."""
        ...

    def ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows that a statement gives."""
        ...

    def ask_at(self, sql: str, keys: NDArray[np.int64], starts: NDArray[np.int64]) -> list[Any]:
        """The rows that a query gives which reads the pairs of the two columns as ``at (stream_key, start_ns)``."""
        ...

    def alone(self, name: str) -> None:
        """Wait until no other transaction holds this name; it is held until this one ends."""
        ...

    def index_ids(self) -> None:
        """Frames are going to be read by ranges of id, in this transaction."""
        ...

    def make_views(self) -> None:
        """Make the named views of streams that have none, where the database keeps them."""
        ...

    def insert_frames(self, rows: Rows) -> NDArray[np.bool_] | None:
        """Insert the rows whose key is not there yet; which ones were new, None for all of them."""
        ...

    def stored(self, keys: Iterable[Key]) -> dict[Key, tuple[Any, str | None]]:
        """The values (as the column holds them) and texts of frames that are there."""
        ...

    def encode(self, values: NDArray[np.float64]) -> Sequence[Any]:
        """Rows of values → what the column `vals` takes."""
        ...

    def decode(self, column: Sequence[Any], width: int) -> NDArray[np.float64]:
        """What the column `vals` gave → float64 (n, width)."""
        ...

    def cells(self, values: NDArray[Any]) -> list[Any]:
        """Rows of numbers (n, width) → what a column of a roll-up takes; NaN is NULL where arrays have that."""
        ...

    def uncells(self, column: Sequence[Any], kind: type[Any], width: int) -> NDArray[Any]:
        """What `cells` made of numbers of that kind → (n, width)."""
        ...

    def translated(self) -> AbstractContextManager[None]:
        """The database's own errors, raised inside, come out as StoreUnavailable or StoreRejected."""
        ...
