"""Every fault of the plan on whole processes: whatever dies, hangs or lies, nothing acknowledged is lost.

The short form of each runs on the pairs that its row names (60 s in all, side by side); `make proof` runs
every pair, and `make ledger` runs them at length and writes down what came out.
"""

from __future__ import annotations

import re

import namespace
import pytest
from invariants import verify
from namespace import run_inside
from rig import Rig
from scenarios import FAULTS, prepare


def _cases():
    for fault in FAULTS:
        words = "-".join(re.findall(r"\w+", fault.what))
        for broker, store in fault.pairs:
            marks = [pytest.mark.timeout(300)]
            if store == "postgres":
                marks.append(pytest.mark.postgres)
            if broker == "mosquitto":
                marks.append(pytest.mark.mosquitto)
            name = f"{fault.number}-{words}-{broker}-{store}"
            short = marks if (broker, store) in fault.ci else [*marks, pytest.mark.slow]
            yield pytest.param(fault, broker, store, fault.short, id=name, marks=short)
            if fault.long_in_proof:
                yield pytest.param(
                    fault, broker, store, fault.long, id=f"{name}-long", marks=[*marks, pytest.mark.slow]
                )


@pytest.mark.usefixtures("mosquitto")
@pytest.mark.parametrize(("fault", "broker", "store", "size"), _cases())
def test_after_a_fault_every_acknowledged_message_is_stored_once_or_a_dead_letter(
    fault, broker, store, size, folder, seed, request
):
    if fault.namespace and (reason := namespace.why_not()):
        pytest.skip(reason)
    cluster = request.getfixturevalue("cluster") if store == "postgres" else None

    def play():
        rig = Rig(folder, broker, store, seed=seed, cluster=cluster, **fault.rig)
        try:
            prepare(fault, rig)
            rig.start()
            fault.run(rig, **size)
            account = verify(rig)
            assert account.acknowledged == account.published > 0
            assert account.lost == 0 or rig.lossy_broker
        finally:
            rig.close()

    if fault.namespace:
        run_inside(play)
    else:
        play()
