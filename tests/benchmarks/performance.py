"""Measures everything that `twin bench` can, and writes the figures into docs/performance.md: ``make bench``.

    python tests/benchmarks/performance.py docs/performance.md [--short] [--only measured|decoded|exported]

What stands between the marks is written anew; the rest of the page is people's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

PARTS = ("measured", "decoded", "exported")
"""What is written anew stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``."""


def bench(*arguments: str) -> dict:
    """What one `twin bench` prints; {} with the reason on stderr where it cannot run here."""
    print("twin bench", *arguments, file=sys.stderr)
    ran = subprocess.run(
        [sys.executable, "-m", "dashboards.cli", "bench", *arguments, "--json"], stdout=subprocess.PIPE, check=False
    )
    return json.loads(ran.stdout) if ran.returncode == 0 else {}


def row(what: str, must: str, goal: str, found: str) -> str:
    return f"| {what} | {must} | {goal} | {found} |"


def unpaced(told: dict) -> str:
    if not told:
        return "not run here"
    return (
        f"**{told['ratio']:.2f}** ({told['messages_per_s']:,} ÷ {told['ceiling_messages_per_s']:,} messages/s, "
        f"{told['values_per_s'] / 1e6:.2f} M values/s; {told['cpu_us_per_message']:.0f} µs CPU a message, "
        f"{told['memory_mb']} MB; lost {told['lost']}, duplicates {told['duplicates']})"
    )


def paced(told: dict) -> str:
    if not told:
        return "not run here"
    return (
        f"{told['values_per_s'] / 1e6:.2f} M values/s held {told['seconds']:.0f} s; backlog {told['backlog_first']:,} → "
        f"{told['backlog_last']:,} messages (most {told['backlog_max']:,}), memory {told['memory_first_mb']} → "
        f"{told['memory_last_mb']} MB, commit p99 {told['commit_p99_ms']:.0f} ms; lost {told['lost']}"
    )


def table(*, short: bool) -> str:
    full = [] if short else ["--full"]
    seconds = "15" if short else "60"
    sqlite, postgres = bench("ingest", *full), bench("ingest", "--store", "postgres", *full)
    twenty = bench("ingest", "--frames", "20", "--messages", "20000", *full)
    headline = bench("ingest", "--frames", "10", "--rate", "5000", "--seconds", seconds)
    single = bench("ingest", "--rate", "10000", "--seconds", seconds)
    faster = bench("ingest", "--rate", "20000", "--seconds", seconds)
    query, query_pg = bench("query", *full), bench("query", "--store", "postgres", *full)
    store, store_pg = bench("store", *full), bench("store", "--store", "postgres", *full)
    latency = bench("latency", *full)

    def reads(name: str) -> str:
        return f"SQLite {query.get(name, '–')} ms, PostgreSQL {query_pg.get(name, '–')} ms"

    rows = [
        "| what | must | goal | measured |", "|---|---|---|---|",
        row("ingest to SQLite ÷ ceiling, one frame a message", "0.6", "1.2", unpaced(sqlite)),
        row("ingest to PostgreSQL ÷ ceiling", "0.7", "1.2", unpaced(postgres)),
        row("500 robots × 20 × 100 Hz, 10 frames a message", "no backlog", "1 frame a message", paced(headline)),
        row("paced 10,000 messages/s, one frame each", "flat; p99 ≤ 250 ms", "30,000", paced(single)),
        row("the same at 20,000 messages/s", "–", "30,000", paced(faster)),
        row("20 frames a message, unpaced", "2 M values/s", "5 M", unpaced(twenty)),
        row("disk, hot, a value (after `twin bench ingest`)", "16 B", "12 B",
            f"SQLite {sqlite.get('disk_bytes_per_value', '–')} B, PostgreSQL {postgres.get('disk_bytes_per_value', '–')} B; "
            f"20 frames a message: SQLite {twenty.get('disk_bytes_per_value', '–')} B"),
        row("disk, archived, a value", "5 B", "3 B", f"{query.get('archived_bytes_per_value', '–')} B"),
        row("latest of 2,000 signals", "10 ms", "3 ms", reads("latest_ms")),
        row("24 h × 10 Hz → 1,000 points, hot raw", "600 ms", "150 ms", reads("raw_ms")),
        row("the same from the archive", "120 ms", "30 ms", f"{query.get('archive_ms', '–')} ms"),
        row("the same from roll-ups", "5 ms", "1 ms", reads("rollup_ms")),
        row("store ÷ bare driver, SQLite", "–", "–", f"{store.get('ratio', '–')} ({store.get('frames_per_s', 0):,} frames/s)"),
        row("store ÷ bare COPY, PostgreSQL", "–", "–",
            f"{store_pg.get('ratio', '–')} ({store_pg.get('frames_per_s', 0):,} frames/s)"),
        row("publish → live packet after its commit, beside 1,000 messages/s", "–", "–",
            f"p50 {latency.get('latency_p50_ms', '–')} ms, p95 {latency.get('latency_p95_ms', '–')} ms "
            f"(a bare MQTT round trip: p50 {latency.get('mqtt_p50_ms', '–')} ms)"),
    ]  # fmt: skip
    machine, broker = sqlite.get("machine", "unknown"), sqlite.get("broker", "none")
    head = f"Machine: {machine}, which also carries generator, broker ({broker}) and database. Medians."
    return "\n".join([head, "", *rows])


def decoded(*, short: bool) -> str:
    told = bench("decode", *([] if short else ["--full"]))
    rows = ["| dialect | messages | values each | messages/s | values/s | ÷ bare parse |", "|---|---|--:|--:|--:|--:|"]
    rows += [
        f"| {one['dialect']} | {one['size']} | {one['values_per_message']} | {one['messages_per_s']:,} | "
        f"{one['values_per_s']:,} | {one['ratio']:.2f} |"
        for one in told.get("rows", [])
    ]
    return "\n".join([f"Machine: {told.get('machine', 'unknown')}; one core; the best of several runs.", "", *rows])


def exported(*, short: bool) -> str:
    told = bench("export", *([] if short else ["--full"]))
    if not told:
        return "not run here"
    rows = [
        "| `--to` | a robot-hour | pyarrow alone ÷ that | with the same settings | most memory | size |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for to in ("lerobot", "parquet", "mcap"):
        took = told[f"{to}_s"]
        ratio = f"{told[f'{to}_ratio']:.2f}" if to != "mcap" else "–"
        tuned = f"{told[f'{to}_bare_tuned_s'] / took:.2f}" if to != "mcap" else "–"
        rows.append(
            f"| {to} | {took:.2f} s | {ratio} | {tuned} | {told[f'{to}_peak_mb']:.0f} MB | {told[f'{to}_mb']} MB |"
        )
    head = (
        f"Machine: {told['machine']}, a core. {told['frames']:,} frames of {told['columns']} numbers in "
        f"{told['episodes']} episodes; MCAP {told['mcap_messages_per_s']:,} messages/s."
    )
    return "\n".join([head, "", *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("--short", action="store_true", help="the sizes that each verb has by itself")
    parser.add_argument("--only", choices=PARTS, help="one of the tables")
    options = parser.parse_args()
    makers = dict(zip(PARTS, (table, decoded, exported), strict=True))
    for part in [options.only] if options.only else PARTS:
        begin, end = f"<!-- {part} -->", f"<!-- /{part} -->"
        before, _, rest = options.page.read_text(encoding="utf-8").partition(begin)
        found = makers[part](short=options.short)
        options.page.write_text(f"{before}{begin}\n{found}\n{end}{rest.partition(end)[2]}", encoding="utf-8")
        print(found)


if __name__ == "__main__":
    main()
