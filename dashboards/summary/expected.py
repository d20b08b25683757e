"""A robot beside what is expected of it: torques at the same instants, how far off, and by which fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dashboards.status import ms
from twin.assets.robot_arm import RESIDUAL_HIGH
from twin.clock import NS_PER_MS, NS_PER_S
from twin.expectation.residual import WINDOW_NS
from twin.sample import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from connectors.desk.expectations import KeptFit
    from dashboards.view import View
    from twin.sample import Frames, Stream

OLD_NS = 600 * NS_PER_S
"""What was expected so long ago is shown no more: nobody follows the arm."""
Row = dict[str, Any]


def cell_expected(view: View, asset_id: str, fits: Mapping[str, KeptFit]) -> Row:
    """Of each joint over the last ten seconds: root mean square of measured and of expected torque, and the residual.

    Both are taken at the same instants, so that they are alike where all is well. ``joints`` is empty where nothing
    is expected, or nothing was told in that time. A fit may be newer than what it is shown beside.
    """
    kept = fits.get(asset_id)
    told = _told(view, asset_id)
    rows = [] if told is None else _joints(*told)
    at_ns = told[0].t_ns[-1].item() if told is not None and rows else None
    return {
        "clock_ms": ms(view.clock_ns),
        "at_ms": None if at_ns is None else ms(at_ns),
        "limit": RESIDUAL_HIGH,
        "joints": rows,
        "fit": None
        if kept is None
        else {
            "n": kept.n,
            "at_ms": ms(kept.at_ns),
            "from_ms": ms(kept.fit.start_ns),
            "to_ms": ms(kept.fit.end_ns),
            "spread": [None if one is None else one.spread_n_m for one in kept.fit.joints],
            "explained": [None if one is None else one.explained for one in kept.fit.joints],
            "model": kept.fit.model,
            "by": kept.fit.basis.kind,
        },
    }


def expected_cycle(view: View, asset_id: str) -> tuple[float | None, float | None]:
    """The cycle that is expected of an asset, and its spread, in seconds; None where nothing is."""
    found: dict[Role, float] = {}
    for stream in view.streams().values():
        if stream.asset != asset_id or not any(one.role is Role.EXPECTED_CYCLE for one in stream.columns):
            continue
        latest = view.latest().get(stream.id)
        if latest is not None:
            found |= {one.role: float(x) for one, x in zip(stream.columns, latest.values, strict=True) if x == x}  # noqa: PLR0124  NaN
    return found.get(Role.EXPECTED_CYCLE), found.get(Role.CYCLE_SPREAD)


def _told(view: View, asset_id: str) -> tuple[Frames, Frames] | None:
    """What was expected in the last ten seconds, and what the joints did meanwhile."""
    own = [stream for stream in view.streams().values() if stream.asset == asset_id]
    expected, measured = (_with(own, role) for role in (Role.EXPECTED_EFFORT, Role.JOINT_EFFORT))
    if expected is None or measured is None:
        return None
    newest = view.latest().get(expected.id)
    if newest is None or view.clock_ns - newest.t_ns > OLD_NS:
        return None
    # What is expected comes a moment after what was measured, and where ingest is behind, with it.
    start_ns = newest.t_ns - WINDOW_NS
    rows = view.frames(expected.id, start_ns + 1, newest.t_ns + 1)
    return (rows, view.frames(measured.id, start_ns, newest.t_ns + NS_PER_MS)) if len(rows) else None


def _with(streams: list[Stream], role: Role) -> Stream | None:
    return next((stream for stream in streams if any(one.role is role for one in stream.columns)), None)


def _joints(expected: Frames, measured: Frames) -> list[Row]:
    """A row a joint; instants are told in whole milliseconds, and so compared."""
    at = np.searchsorted(measured.t_ns // NS_PER_MS, expected.t_ns // NS_PER_MS)
    at = np.minimum(at, max(len(measured) - 1, 0))
    both = (measured.t_ns[at] // NS_PER_MS == expected.t_ns // NS_PER_MS) if len(measured) else np.zeros(len(at), bool)
    told, was = _by_index(expected, Role.EXPECTED_EFFORT), _by_index(measured, Role.JOINT_EFFORT)
    residual = _by_index(expected, Role.EFFORT_RESIDUAL)
    rows: list[Row] = []
    for index in sorted(told.keys() & was.keys()):
        pairs = np.column_stack([was[index][at[both]], told[index][both]])
        pairs = pairs[np.isfinite(pairs).all(axis=1)]
        root = np.sqrt((pairs**2).mean(axis=0)).tolist() if len(pairs) else [None, None]
        newest = float(residual[index][-1]) if index in residual else float("nan")
        rows.append(
            {"index": index, "measured": root[0], "expected": root[1], "residual": None if newest != newest else newest}  # noqa: PLR0124  NaN
        )
    return rows


def _by_index(frames: Frames, role: Role) -> dict[int, NDArray[np.float64]]:
    return {one.index: frames.values[:, i] for i, one in enumerate(frames.stream.columns) if one.role is role}
