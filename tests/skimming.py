"""What batches leave, found by looking at each of their frames: what every store's `skim` must come to."""

from __future__ import annotations

from twin.sample import Latest
from twin.skim import Skim, Skimmed


def skim_of(batches) -> Skim:
    """The skim of some batches, made by looking at each frame."""
    newest: dict[str, Latest] = {}
    heard: dict[str, int] = {}
    for batch in batches:
        for part in batch.frames:
            for row in range(len(part)):
                t_ns, seq = int(part.t_ns[row]), int(part.seq[row])
                name = part.stream.id
                heard[name] = max(heard.get(name, 0), int(part.received_ns[row]))
                if name not in newest or newest[name].is_older_than(t_ns, seq):
                    texts = part.texts[row] if part.texts else ()
                    newest[name] = Latest(
                        part.stream,
                        t_ns,
                        seq,
                        int(part.received_ns[row]),
                        int(part.quality[row]),
                        part.values[row],
                        texts,
                    )
    streams = tuple(Skimmed(newest[name], heard[name]) for name in newest)
    return Skim(batches[0].n, tuple(one.tick_ns for one in batches), streams)
