"""The digest of a batch: the writer records it, a re-fold compares it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from twin.sample import Batch


def checksum(batch: Batch) -> str:
    """Digest (64 bits, hex) over a batch's tick and frames: finds a flipped bit, is no protection against malice.

    −0 counts as 0, and every NaN as the same absent value.
    """
    digest = hashlib.blake2b(digest_size=8)
    parts = batch.frames
    digest.update(f"{batch.tick_ns}\n".encode())
    digest.update("\n".join([f"{part.stream.id} {len(part.t_ns)} {part.stream.width}" for part in parts]).encode())
    if parts:
        columns = batch.columns
        for column in (columns.t_ns, columns.seq, columns.received_ns, columns.quality):
            digest.update(column.astype("<i8").tobytes())
        if len(columns.groups) == 1:
            values = columns.groups[0][1].ravel() + 0.0
        else:
            values = np.concatenate([part.values.ravel() for part in parts]) + 0.0
        values[np.isnan(values)] = np.nan
        digest.update(values.astype("<f8").tobytes())
    for part in parts:
        if part.texts:
            digest.update(
                "\n".join(json.dumps(row, ensure_ascii=False) for row in part.texts).encode("utf-8", "surrogatepass")
            )
    return digest.hexdigest()
