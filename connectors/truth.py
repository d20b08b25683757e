"""What truly was wrong in the simulated plants, as JSON lines beside the devices' ledger: alarms are judged by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from twin.simulation.faults import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def truth_path(ledger: Path) -> Path:
    """Where the truth lies, beside the ledger."""
    return ledger.with_name(f"{ledger.stem}-faults.jsonl")


def write_truth(path: Path, troubles: Iterable[Trouble]) -> None:
    """Add troubles, one line each; a line is written whole, when the trouble begins."""
    lines = b"".join(msgspec.json.encode(one) + b"\n" for one in troubles)
    if lines:
        with path.open("ab") as file:
            file.write(lines)


def read_truth(path: Path) -> list[Trouble]:
    """What was written, in order; nothing where there is no file. A last line that a crash cut short is left out."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [msgspec.json.decode(line, type=Trouble) for line in lines if line]
