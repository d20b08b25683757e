"""Runs the real clients and writes down what came of it: ``python tests/interop/report.py docs/reference/interop.md``.

Exit 1 if a run failed (the page is not written then); 3 where no client could be installed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from balance import ROWS  # noqa: E402
from third_parties import PARTIES  # noqa: E402

HEAD = """\
# Real clients, live

What other people's client libraries published to a real broker, against what `twin ingest` stored of it. Written by
`make interop`, which fails if one value is missing, stored twice, changed, or was never published; do not edit.

Each library runs in an environment of its own, driven by a script of ours (`tests/interop/clients/`) that writes a ledger
of what it gave the library to publish (VDA 5050: of what the library sent, and of what its fleet master saw). The tests
read the ledgers with rules of their own (`spb_books.py`, `vda_books.py`) and compare time, name and value of every sample,
the events, who is online, and the findings.

{ran}

- messages: what our source received, its own STATE and commands (handled) among them.
- samples: values stored, without the streams that the twin makes itself (`liveness`, `messages`).
- gap: messages that were counted by their sender and never came: the script leaves one out.
- findings: the rules that the device was told to have broken, each with its count; Sparkplug rules are the `tck-id`s of the
  standard without that prefix. The tests hold them to be exactly these rules, no more and no less.

| client | version | what it does | messages | handled | samples | rejected | gap | findings |
|---|---|---|--:|---|--:|---|--:|---|
"""
FOOT = """
## What else was seen

- sparkplug-client: a metric without a value in a birth comes as null. One of its values here is NaN: stored as absent
  (`not_finite`).
- mqtt-spb-wrapper 2.1.2 does not survive a rebirth request as it comes: the callback of its own rebirth command is no
  function, and its network thread ends (`TypeError: 'bool' object is not callable`). The script sets a callback by the
  library's own `set_callback`. Where such nodes are in a plant, set `rebirth = false` in their source's options.
- mqtt-spb-wrapper gives the node and each device a connection of its own, so their messages overtake each other: the
  reorder window puts them in order, births too.
- pysparkplug knows no rebirth: the script answers one with a new session. Its arrays are little-endian, as the text of the
  standard says.
- A host that starts late does not know the names behind aliases: what comes before the births that it asks for is a dead
  letter, kept as it came (`old_session`, or `no_birth` where the births took longer than the reorder window).
- The embedded broker knows Sparkplug: it keeps births, and gives them to a host that starts late, which then needs to ask
  nobody, and no value is lost; it also gives deaths their time. Try it with `INTEROP_BROKER=embedded make interop`.
- vda-5050-lib sends `connection` at QoS 0, where the standard has 1, and `instantActions` under the key of VDA 5050 1.1 in
  2.0 too. Its AGV does not carry out actions that an update adds to the node where it already stands.
- Not tried live: VDA 5050 3.0 (there is no client of it yet), Node-RED's Sparkplug nodes (captures only).
"""
SKIPPED = "\nSkipped in this run: {}\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="interop-") as folder:
        outcome = Path(folder) / "outcome.xml"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={outcome}",
             str(Path(__file__).parent)],
            cwd=ROOT, env={**os.environ, ROWS: folder}, check=False, stdout=sys.stderr,
        )  # fmt: skip
        if done.returncode:
            print("a run failed: the page is as it was", file=sys.stderr)
            return 1
        rows = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(folder).glob("*.json"))]
        skipped = sorted({case.get("message", "") for case in ET.parse(outcome).iter("skipped")})  # noqa: S314  our own
    if not rows:
        print("\n".join(["no client could be installed here", *skipped]), file=sys.stderr)
        return 3
    told.file.write_text(page(rows, skipped), encoding="utf-8")
    print(f"{told.file}: {len(rows)} runs, nothing missing, nothing unasked")
    return 0


def page(rows: list[dict], skipped: list[str]) -> str:
    """The page as Markdown."""
    order = list(PARTIES)
    rows = sorted(rows, key=lambda row: (order.index(row["client"]), row["scenario"]))
    brokers = " and ".join(sorted({row["broker"] for row in rows}))
    ran = f"Run on {datetime.now(UTC):%Y-%m-%d}, {len(rows)} runs, broker: {brokers}."
    foot = FOOT + "".join(SKIPPED.format(reason) for reason in skipped)
    return HEAD.format(ran=ran) + "\n".join(map(line_of, rows)) + "\n" + foot


def line_of(row: dict) -> str:
    """A run as a row of the table."""
    client = f"{row['client']} ({row['registry']}, {row['licence']})"
    cells = [
        client, row["version"], row["scenario"], f"{row['messages']:,}", counts(row["handled"].items()),
        f"{row['samples']:,}", counts(row["rejected"].items()), row["gap"] or "",
        counts((f"`{rule}`", count) for rule, count in row["findings"].items()),
    ]  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


def counts(told: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(told) if count) or "none"


if __name__ == "__main__":
    sys.exit(main())
