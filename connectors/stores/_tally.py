"""Counts, dead letters and findings, in the same transaction as the data."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, replace
from typing import TYPE_CHECKING

from connectors.stores._codec import PAYLOAD_CAP, clean_finding, clean_letter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from connectors.stores._driver import Driver
    from twin.message import DeadLetter
    from twin.ports import FindingCount, SourceCount

LETTERS_PER_SOURCE = 10_000
"""How many dead letters are kept for a source; beyond it they are counted only."""

FINDINGS_PER_SOURCE = 2000
"""How many rules of devices are kept for a source; beyond it they are counted as one."""
MORE = ("", "more")
"""The device and rule of what found no room."""

_STREAM = """INSERT INTO stream_count (stream_key, frames, vals, first_seq, last_seq, first_ns, last_ns,
 newest_ns, late, skew_ns)
VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (stream_key) DO UPDATE SET
frames = stream_count.frames + excluded.frames,
vals = stream_count.vals + excluded.vals,
first_seq = CASE WHEN excluded.first_seq < stream_count.first_seq
 THEN excluded.first_seq ELSE stream_count.first_seq END,
last_seq = CASE WHEN excluded.last_seq > stream_count.last_seq
 THEN excluded.last_seq ELSE stream_count.last_seq END,
first_ns = CASE WHEN excluded.first_ns < stream_count.first_ns
 THEN excluded.first_ns ELSE stream_count.first_ns END,
last_ns = CASE WHEN excluded.last_ns > stream_count.last_ns
 THEN excluded.last_ns ELSE stream_count.last_ns END,
newest_ns = excluded.newest_ns, late = excluded.late, skew_ns = excluded.skew_ns"""
_SOURCE = """INSERT INTO source_count
(source, received, decoded, decoded_frames, stored, duplicate, key_conflict, redriven, last_received_ns)
VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (source) DO UPDATE SET
received = source_count.received + excluded.received,
decoded = source_count.decoded + excluded.decoded,
decoded_frames = source_count.decoded_frames + excluded.decoded_frames,
stored = source_count.stored + excluded.stored,
duplicate = source_count.duplicate + excluded.duplicate,
key_conflict = source_count.key_conflict + excluded.key_conflict,
redriven = source_count.redriven + excluded.redriven,
last_received_ns = CASE WHEN excluded.last_received_ns > source_count.last_received_ns
 THEN excluded.last_received_ns ELSE source_count.last_received_ns END"""
_REASON = """INSERT INTO source_reason (source, kind, reason, count) VALUES (?,?,?,?)
ON CONFLICT (source, kind, reason) DO UPDATE SET count = source_reason.count + excluded.count"""
_LETTERS = """INSERT INTO source_count (source, dead_letters, dead_rows, dead_overflow) VALUES (?,?,?,?)
ON CONFLICT (source) DO UPDATE SET
dead_letters = source_count.dead_letters + excluded.dead_letters,
dead_rows = source_count.dead_rows + excluded.dead_rows,
dead_overflow = source_count.dead_overflow + excluded.dead_overflow"""
_LETTER_AGAIN = """UPDATE dead_letter SET count = count + 1,
last_ns = CASE WHEN last_ns < ? THEN ? ELSE last_ns END WHERE source = ? AND reason = ? AND same = ?"""
_LETTER = """INSERT INTO dead_letter (source, topic, reason, detail, payload, sha256, same, first_ns, last_ns, count)
VALUES (?,?,?,?,?,?,?,?,?,1)"""
_LETTER_GONE = "DELETE FROM dead_letter WHERE id = ? RETURNING source, count"

_FINDING_AGAIN = """UPDATE finding SET count = count + ?,
first_ns = CASE WHEN first_ns > ? THEN ? ELSE first_ns END, last_ns = CASE WHEN last_ns < ? THEN ? ELSE last_ns END,
detail = ?, topic = ?, payload = ? WHERE source = ? AND device = ? AND rule = ?"""
_FINDING = """INSERT INTO finding (source, device, rule, count, first_ns, last_ns, detail, topic, payload)
VALUES (?,?,?,?,?,?,?,?,?)"""


def count_streams(driver: Driver, rows: Sequence[Sequence[int | None]]) -> None:
    """Add to what is stored of each stream."""
    if rows:
        driver.many_typed(_STREAM, ("bigint",) * 10, rows)


def count_sources(
    driver: Driver,
    counts: Iterable[SourceCount],
    stored: Mapping[str, int],
    duplicates: Mapping[str, int],
    conflicts: Mapping[str, int],
) -> None:
    """Add to the counts of each source: what ingest did, and what became of its frames here."""
    rows: list[tuple[object, ...]] = []
    reasons: list[tuple[str, str, str, int]] = []
    for c in counts:
        rows.append((c.source, c.received, c.decoded, c.decoded_frames, 0, 0, 0, c.redriven, c.last_received_ns))
        reasons += [(c.source, "handled", reason, count) for reason, count in c.handled.items()]
        reasons += [(c.source, "rejected", reason, count) for reason, count in c.rejected.items()]
    for source in sorted({*stored, *duplicates, *conflicts}):
        frames = (stored.get(source, 0), duplicates.get(source, 0), conflicts.get(source, 0))
        rows.append((source, 0, 0, 0, *frames, 0, 0))
    if rows:
        driver.many(_SOURCE, rows)
    if reasons:
        driver.many(_REASON, reasons)


def same_letter(letter: DeadLetter) -> str:
    """Letters of one source and reason that are equal in this are one row: the digest of topic and payload."""
    return hashlib.sha256(letter.topic.encode() + b"\0" + letter.payload).hexdigest()


def remove_letters(driver: Driver, ids: Iterable[int]) -> None:
    """Remove dead letters that were decoded after all."""
    gone: dict[str, list[int]] = {}
    for letter in ids:
        for source, count in driver.ask(_LETTER_GONE, (letter,)):
            total = gone.setdefault(source, [0, 0, 0])
            total[0] -= int(count)
            total[1] -= 1
    if gone:
        driver.many(_LETTERS, [(source, *totals) for source, totals in gone.items()])


def keep_letters(driver: Driver, letters: Iterable[DeadLetter]) -> None:
    """Keep dead letters: the same one again is one row with a count, and a source has room for so many."""
    rows_of: dict[str, int] = {}
    added: dict[str, list[int]] = {}
    for letter in map(clean_letter, letters):
        source = letter.source
        digest = hashlib.sha256(letter.payload).hexdigest()
        if source not in rows_of:
            found = driver.ask("SELECT dead_rows FROM source_count WHERE source = ?", (source,))
            rows_of[source] = int(found[0][0]) if found else 0
            added[source] = [0, 0, 0]
        total = added[source]
        total[0] += 1
        same = same_letter(letter)
        again = (letter.received_ns, letter.received_ns, source, letter.reason, same)
        if driver.run(_LETTER_AGAIN, again):
            continue
        if rows_of[source] + total[1] >= LETTERS_PER_SOURCE:
            total[2] += 1
            continue
        total[1] += 1
        payload = letter.payload[:PAYLOAD_CAP]
        times = (letter.received_ns, letter.received_ns)
        driver.run(_LETTER, (source, letter.topic, letter.reason, letter.detail, payload, digest, same, *times))
    if added:
        driver.many(_LETTERS, [(source, *totals) for source, totals in added.items()])


def without_room(one: FindingCount) -> FindingCount:
    """A finding that finds no room, as it is counted."""
    return replace(one, device=MORE[0], rule=MORE[1], detail="", topic="", payload=b"")


def keep_findings(driver: Driver, findings: Iterable[FindingCount]) -> None:
    """Add to the rules that devices broke; a source has room for so many."""
    for raw in findings:
        one = clean_finding(raw)
        if _found_again(driver, one):
            continue
        known = driver.ask("SELECT count(*) FROM finding WHERE source = ?", (one.source,))
        if int(known[0][0]) >= FINDINGS_PER_SOURCE:
            one = without_room(one)
            if _found_again(driver, one):
                continue
        driver.run(_FINDING, astuple(one))


def _found_again(driver: Driver, one: FindingCount) -> int:
    times = (one.first_ns, one.first_ns, one.last_ns, one.last_ns)
    example = (one.detail, one.topic, one.payload)
    return driver.run(_FINDING_AGAIN, (one.count, *times, *example, one.source, one.device, one.rule))
