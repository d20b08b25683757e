"""What many batches left, by SQL: of each stream the newest row, of all others only that they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twin.hearing import LISTENING_SUFFIX
from twin.sample import Quality
from twin.skim import Skim, Skimmed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from connectors.stores._reader import Reader
    from twin.sample import Latest, Stream

_AHEAD = int(Quality.CLOCK_AHEAD)
_ROWS_A_READ = 500
_HEADS = "SELECT tick_ns, frames, first_id, last_id FROM batch WHERE writer_key = ? AND n >= ? AND n <= ? ORDER BY n"
_STREAMS = """SELECT stream_key, COUNT(*), MAX(id), MAX(t_ns), MAX(seq), MAX(received_ns),
SUM(CASE WHEN quality = ? THEN 1 ELSE 0 END)
FROM frame WHERE id >= ? AND id <= ? AND writer_key = ? GROUP BY stream_key"""
_ROW = """SELECT f.stream_key, f.t_ns, f.seq, f.received_ns, f.quality, f.vals, x.texts FROM frame f
LEFT JOIN frame_text x ON x.stream_key = f.stream_key AND x.t_ns = f.t_ns AND x.seq = f.seq WHERE """


def skim_of(
    reader: Reader,
    streams: Mapping[int, Stream],
    latest_of: Callable[[Sequence[Any]], dict[str, Latest]],
    writer_key: int,
    batches: tuple[int, int],
) -> Skim | None:
    """The skim of batches (first, last); ``latest_of`` makes of rows the newest frames by stream id."""
    first_n, last_n = batches
    heads = reader.ask(_HEADS, (writer_key, first_n, last_n))
    if len(heads) != last_n - first_n + 1:
        return None
    ids = (int(heads[0][2]), max(int(head[3]) for head in heads))
    rows = reader.ask(_STREAMS, (_AHEAD, *ids, writer_key))
    whole = sum(row[1] for row in rows) == sum(head[1] for head in heads)
    if not whole or any(row[6] or streams[row[0]].tells_presence for row in rows):
        return None
    chosen: list[Any] = []
    plain = {row[0]: row for row in rows}
    for places in _by(_ROWS_A_READ, [int(row[2]) for row in rows]):
        chosen += reader.ask(f"{_ROW} f.id IN ({','.join('?' * len(places))})", places)
    moved = [row[0] for row in chosen if (row[1], row[2]) != (plain[row[0]][3], plain[row[0]][4])]
    listening = [key for key in plain if streams[key].id.endswith(LISTENING_SUFFIX)]
    chosen = [row for row in chosen if row[0] not in moved]
    for key in {*moved, *listening}:
        every = reader.ask(
            f"{_ROW} f.id >= ? AND f.id <= ? AND f.writer_key = ? AND f.stream_key = ?", (*ids, writer_key, key)
        )
        if key in listening and not all(one.values[0] for row in every for one in latest_of([row]).values()):
            return None
        if key in moved:  # something came late: what came last is not the newest
            sequenced = streams[key].sequenced
            chosen.append(max(every, key=lambda row: (row[2], row[1]) if sequenced else (row[1], row[2])))
    newest = latest_of(chosen)
    found = tuple(Skimmed(newest[streams[key].id], int(row[5])) for key, row in plain.items())
    return Skim(first_n, tuple(int(head[0]) for head in heads), found)


def _by(size: int, places: list[int]) -> list[list[int]]:
    return [places[start : start + size] for start in range(0, len(places), size)]
