"""What the writer must know of the archive: a frame that was moved must not be stored again when it is sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.stores._codec import encode_texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from connectors.archive.history import Archive
    from connectors.archive.rows import StoredRows
    from connectors.stores._driver import Driver, Key
    from connectors.stores._rows import Rows

HORIZON = "archive_horizon"
"""The note of the time before which something is archived: frames from then on need not be looked up."""
_NOTE = """INSERT INTO meta (key, value) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"""
_READ = "SELECT value FROM meta WHERE key = ?"


def note(driver: Driver, before_ns: int) -> None:
    """Say, in the running transaction, that frames before a time are archived."""
    found = driver.ask(_READ, (HORIZON,))
    driver.run(_NOTE, (HORIZON, str(max(before_ns, int(found[0][0]) if found else before_ns))))


class Known:
    """Looks up frames that come late or again in the archive (mutable; the writer's thread)."""

    def __init__(self, driver: Driver, archive: Archive) -> None:
        self._driver = driver
        self._archive = archive

    def sift(self, rows: Rows, new: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Take back the rows that are archived already; which of the others were new, None for all of them."""
        found = self._driver.ask(_READ, (HORIZON,))
        if not found:
            return new
        old = rows.t_ns < int(found[0][0])
        if new is not None:
            old &= new
        places = np.flatnonzero(old)
        there = [place for place in places.tolist() if self._row(self._key(rows, place)) is not None]
        if not there:
            return new
        self._driver.many(
            "DELETE FROM frame WHERE stream_key = ? AND t_ns = ? AND seq = ?",
            [self._key(rows, place) for place in there],
        )
        sifted = np.ones(len(rows), np.bool_) if new is None else new.copy()
        sifted[there] = False
        return sifted

    def stored(self, keys: Iterable[Key]) -> dict[Key, tuple[Any, str | None]]:
        """The values (as the column holds them) and texts of frames: the database's, else the archive's."""
        wanted = list(keys)
        found = self._driver.stored(wanted)
        for key in wanted:
            if key not in found:
                row = self._row(key)
                if row is not None:
                    texts = encode_texts(row.texts[0]) if row.texts else None
                    found[key] = (self._driver.encode(row.values)[0], texts)
        return found

    def close(self) -> None:
        """Release what was opened to look things up."""
        self._archive.close()

    def _key(self, rows: Rows, place: int) -> Key:
        return int(rows.stream_keys[place]), int(rows.t_ns[place]), int(rows.seq[place])

    def _row(self, key: Key) -> StoredRows | None:
        stream_key, t_ns, seq = key
        stream = self._archive.stream(stream_key)
        if stream is None:
            return None
        for part, runs in self._archive.runs(stream_key, t_ns, t_ns + 1):
            for run in runs:
                rows = self._archive.run(part, run, stream)
                at = np.flatnonzero((rows.t_ns == t_ns) & (rows.seq == seq))
                if len(at):
                    return rows.take(at)
        return None
