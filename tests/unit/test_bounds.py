"""What a hand-drawn boundary snaps to: what was told, and where a torque or a current changes."""

from __future__ import annotations

import numpy as np

from connectors.stores.memory import MemoryStore
from dashboards.summary.bounds import MOST_CHANGES, bounds
from dashboards.view import PastView
from twin.clock import NS_PER_S
from twin.episodes import Episode, Method
from twin.ports import Commit, Folded
from twin.sample import Frames, Kind, Quality, Role, Signal, batch_of, stream_of

ARM, T0, HZ, ROWS = "h/line/arm", 1_750_000_000 * NS_PER_S, 20, 400
COLUMNS = [
    Signal("torque", unit="N.m", role=Role.JOINT_EFFORT),
    Signal("torque_2", unit="N.m", role=Role.JOINT_EFFORT),
    Signal("current", unit="A"),
    Signal("angle", unit="rad", role=Role.JOINT_POSITION),
    Signal("grip", Kind.FLAG),
]


def told(values):
    """The boundaries of one episode of all of it."""
    t_ns = T0 + np.arange(len(values)) * (NS_PER_S // HZ)
    stream = stream_of(ARM, "data", COLUMNS, period_s=1 / HZ)
    good = np.full(len(values), int(Quality.GOOD), np.int16)
    frames = Frames(stream, t_ns, np.arange(len(values)), t_ns, values, good)
    store = MemoryStore()
    end_ns = int(t_ns[-1])
    store.append(Commit(batch_of("w", 1, end_ns, [frames])), lambda _batch: Folded((), ()))
    one = Episode(f"{ARM}@{T0}", ARM, T0, end_ns, T0, end_ns, Method.CYCLE)
    return bounds(PastView(store, end_ns + NS_PER_S), one)


def quiet(seed=1):
    values = 0.01 * np.random.default_rng(seed).normal(size=(ROWS, len(COLUMNS)))
    values[:, 4] = 0.0
    return values


def at_s(bound):
    return (bound.t_ns - T0) / NS_PER_S


def test_a_change_of_torque_and_one_of_current_are_named_by_their_signals():
    values = quiet()
    values[120:, 0] += 5
    values[260:, 2] *= 40
    found = told(values)
    assert [(one.what, one.signal) for one in found] == [
        ("start", ""), ("torque level", f"{ARM}:torque"), ("current spread", f"{ARM}:current"), ("end", ""),
    ]  # fmt: skip
    assert at_s(found[1]) == 120 / HZ
    assert abs(at_s(found[2]) - 260 / HZ) <= 10 / HZ


def test_joints_that_change_at_once_are_one_boundary_and_a_position_is_none():
    values = quiet()
    values[200:, 0] += 5
    values[201:, 1] += 50
    values[100:, 3] += 1
    assert [one.signal for one in told(values) if one.signal] == [f"{ARM}:torque_2"]


def test_what_was_told_stays_and_noise_adds_nothing():
    values = quiet()
    values[150:, 4] = 1.0
    assert [one.what for one in told(values)] == ["start", "grip", "end"]


def test_of_many_changes_the_surest_are_kept():
    values = quiet()
    levels = np.random.default_rng(2).normal(size=(20, 3)) * 10
    values[:, :3] += np.repeat(levels, ROWS // 20, axis=0)
    found = [one for one in told(values) if one.signal]
    assert 3 <= len(found) <= MOST_CHANGES
    assert found == sorted(found, key=lambda one: one.t_ns)
    assert all(round(at_s(one) * HZ) % 20 in (0, 1, 19) for one in found)
