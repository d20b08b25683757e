"""Faults against alarms over whole simulated days, into docs/reference/faults.json (some minutes).

`python tests/benchmarks/fault_table.py`, then `python docs/reference/generate.py` lays it out in alarms.md.
A test of `make proof` finds the same again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "unit"))

from simulated_shift import DAY_S, SEVERITIES, SITES, folded, shift_of_faults, table_of  # noqa: E402

from twin.alarms import AlarmEventKind  # noqa: E402

FILE = ROOT / "docs" / "reference" / "faults.json"


def measured() -> dict[str, Any]:
    """A day with each fault each hour at either severity, and a quiet one."""
    days = {}
    for severity in SEVERITIES:
        judgements = shift_of_faults(DAY_S, severity)
        false = sum(len(one.false) for one in judgements)
        days[f"{severity:g}"] = {"false": false, "rows": table_of(judgements)}
    quiet = [one for site in SITES for one in folded(site, (), DAY_S, step_s=5).journal]
    return {"days": days, "quiet": sum(one.kind is AlarmEventKind.RAISED for one in quiet)}


if __name__ == "__main__":
    FILE.write_text(json.dumps(measured(), indent=1) + "\n", encoding="utf-8")
