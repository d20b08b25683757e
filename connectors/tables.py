"""History as pandas tables: for notebooks, reports and CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from twin.ids import split_signal_id
from twin.sample import Quality

if TYPE_CHECKING:
    from twin.ports import History


def table(history: History, signal: str, start_ns: int, end_ns: int) -> pd.DataFrame:
    """Every stored sample of one signal in [start_ns, end_ns), by device time.

    Returns a frame indexed by ``time`` (datetime64[ns, UTC]) with the columns ``value`` (float64, or
    text), ``quality`` (its name), ``seq`` and ``received`` (datetime64[ns, UTC]). Empty when nothing is stored.
    """
    asset, name = split_signal_id(signal)
    parts: list[pd.DataFrame] = []
    for stream in history.streams().values():
        if stream.asset != asset or all(s.name != name for s in stream.signals):
            continue
        frames = history.frames(stream.id, start_ns, end_ns)
        numeric = [s.name for s in stream.columns]
        if name in numeric:
            values: object = frames.values[:, numeric.index(name)]  # noqa: PD011  not pandas
        else:
            column = [s.name for s in stream.text_columns].index(name)
            values = [row[column] for row in frames.texts]
        parts.append(
            pd.DataFrame(
                {
                    "value": values,
                    "quality": [Quality(q).name.lower() for q in frames.quality.tolist()],
                    "seq": frames.seq,
                    "received": pd.to_datetime(frames.received_ns, utc=True),
                },
                index=pd.Index(pd.to_datetime(frames.t_ns, utc=True), name="time"),
            )
        )
    if not parts:
        empty = pd.DatetimeIndex(np.array([], "datetime64[ns]"), tz="UTC", name="time")
        return pd.DataFrame({"value": [], "quality": [], "seq": [], "received": []}, index=empty)
    return pd.concat(parts).sort_index(kind="stable")
