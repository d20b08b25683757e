"""Replications on all cores: processes, progress, and an end when somebody says so."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from twin.whatif.replicate import Replication, replicate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twin.whatif.model import Model

_PARTS_A_WORKER = 6
LOOK_S = 0.2
"""So often at least ``progress`` is told, and may end it all."""
_jobs: list[tuple[Model, ...]] = []
_is_over: list[Any] = []
"""In a worker: what it runs, and where it reads that it is to end."""


def run_all(
    jobs: Sequence[tuple[Model, ...]],
    seed: int,
    replications: int,
    *,
    workers: int = 0,
    progress: Callable[[float], None] = lambda _: None,
) -> list[list[list[Replication]]]:
    """Run each job's models so often, all under the same luck: results by job, model, replication.

    ``workers`` 0 is one a core. ``progress`` is told how much is done, 0…1;
    what it raises (and Ctrl-C) ends all at once.
    """
    workers = workers or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    step = max(1, replications * len(jobs) // (workers * _PARTS_A_WORKER))
    parts = [
        (job, first, min(first + step, replications))
        for job in range(len(jobs))
        for first in range(0, replications, step)
    ]
    # Forked workers begin at once and have the models already; elsewhere they import what they need.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    is_over = context.Value("b", 0, lock=False)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(list(jobs), is_over))
    found: dict[tuple[int, int], list[list[Replication]]] = {}
    try:
        running = {pool.submit(_part, job, seed, first, last): (job, first) for job, first, last in parts}
        left = set(running)
        while left:
            done, left = wait(left, LOOK_S, FIRST_COMPLETED)
            for one in done:
                found[running[one]] = one.result()
            progress(len(found) / len(parts))
    except BaseException:
        # Nobody is killed: one that dies while it tells its result leaves the pool waiting for the rest of it for ever.
        is_over.value = 1
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown()
    return [
        [[runs[model] for key in sorted(found) if key[0] == job for runs in found[key]] for model in range(len(models))]
        for job, models in enumerate(jobs)
    ]


def _begin(jobs: list[tuple[Model, ...]], is_over: Any) -> None:
    """In a worker: take the jobs; Ctrl-C is for the one that waits for them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _jobs[:] = jobs
    _is_over[:] = [is_over]


def _part(job: int, seed: int, first: int, last: int) -> list[list[Replication]]:
    found: list[list[Replication]] = []
    for number in range(first, last):
        if _is_over[0].value:
            break  # nobody waits for it any longer
        found.append(replicate(_jobs[job], seed, number))
    return found
