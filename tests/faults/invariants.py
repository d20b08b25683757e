"""What must be true after every fault, in one function, against the devices' own ledgers.

The numbers are those of the fault plan (docs/reliability.md):
I1 acknowledged ⊆ stored ∪ dead letters, and nothing that no device said · I2 each key once, values equal ·
I3, I4 the live state is the fold of what is stored, hash and events · I6 memory, queue and open files are
bounded · I9 every frame that is not there is counted, and the sums of every source hold.
(I5 and I7 belong to the edge spool and the audit trail, which the product does not have yet; I8, the health
endpoint, is asked while the fault lasts: `Rig.wait_red`, `Rig.wait_green`.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rig import INGEST, SOURCE, Rig

from twin.clock import NS_PER_MS
from twin.keyframes import resume
from twin.keyframes import verify as refold

MAX_RSS_BYTES = 250_000_000
"""Ingest takes 90 MB when nothing is wrong."""
MAX_FDS = 50
"""17 when nothing is wrong, and 2 to 3 for each further source: the table of hostile inputs has nine."""
FAR_NS = 2**62


@dataclass(frozen=True)
class Account:
    """What a run came to."""

    published: int
    acknowledged: int
    stored: int
    duplicates: int
    rejected: int
    lost: int
    rss_mb: float
    queue: int
    recovery_s: float | None


def verify(rig: Rig) -> Account:
    """Check every invariant; raises one AssertionError that names each broken one."""
    broken: list[str] = []
    history = rig.history
    acknowledged = stored = lost = 0
    letters = {(letter.topic, letter.payload) for letter in history.dead_letters(source=SOURCE, limit=100_000)}
    bad_found = 0
    gaps_due = 0
    streams_due = set()
    for device in rig.devices:
        told, ledger = device.settings, device.ledger
        acknowledged += len(ledger.acknowledged)
        bad = {n for n in ledger.published if told.is_bad(n)}
        kept_bad = {n for n in bad if (told.topic(n), told.payload(n)) in letters}
        bad_found += len(kept_bad)
        missing = sorted((bad & ledger.acknowledged) - kept_bad)
        lost += len(missing)
        if missing and not rig.lossy_broker:
            broken.append(f"I1 {told.name}: {len(missing)} bad messages are no dead letters: {missing[:5]}")
        for place in range(min(told.assets, told.total)):
            numbers = [n for n in range(place, device.sent, told.assets) if n in ledger.published and n not in bad]
            streams_due.add(f"{told.asset(place)}:data")
            found, absent, gap = _stream(rig, device, place, numbers, broken)
            stored, lost, gaps_due = stored + found, lost + absent, gaps_due + gap
    strange = {stream.id for stream in history.streams().values() if stream.source == SOURCE} - streams_due
    if strange:
        broken.append(f"I1 streams that no device has: {sorted(strange)}")
    phantoms = len([letter for letter in letters if b"broken" in letter[1]]) - bad_found
    if phantoms:
        broken.append(f"I1 {phantoms} dead letters that no device sent")
    terms = history.by_source()
    _sums(terms, history, broken)
    if terms.get(SOURCE, {}).get("gap", 0) != gaps_due:
        broken.append(f"I9 {terms.get(SOURCE, {}).get('gap')} frames are told to be missing, {gaps_due} are")
    _fold(history, broken)
    queue = _bounds(rig, broken)
    assert not broken, "\n  ".join(["broken:", *broken, f"log: {rig.log('ingest')[-1500:]}"])
    line = terms[SOURCE]
    return Account(
        published=sum(len(device.ledger.published) for device in rig.devices),
        acknowledged=acknowledged,
        stored=stored,
        duplicates=int(line["duplicate"]),
        rejected=sum(line["rejected"].values()),
        lost=lost,
        rss_mb=max(rig.seen.rss_bytes, default=0) / 1e6,
        queue=queue,
        recovery_s=rig.recovery_s,
    )


def _stream(rig: Rig, device, place: int, numbers: list[int], broken: list[str]) -> tuple[int, int, int]:
    """(messages stored, acknowledged ones that are not, frames that a gap must tell) of one asset."""
    told = device.settings
    name = f"{told.asset(place)}:data"
    frames = rig.history.frames(name, 0, FAR_NS)
    rows = {(int(t), int(seq)): i for i, (t, seq) in enumerate(zip(frames.t_ns, frames.seq, strict=True))}
    if len(rows) != len(frames):
        broken.append(f"I2 {name}: {len(frames) - len(rows)} keys are there twice")
    due: dict[tuple[int, int], tuple[int, tuple[float, float]]] = {}
    for n in numbers:
        for count in told.counts(n):
            due[told.t_ms(n, count) * NS_PER_MS, count] = n, told.values(n, count)
    phantoms = rows.keys() - due.keys()
    if phantoms:
        broken.append(f"I1 {name}: {len(phantoms)} frames that the device never sent: {sorted(phantoms)[:3]}")
    absent = {due[key][0] for key in due.keys() - rows.keys() if key[1] not in rig.refused}
    absent &= device.ledger.acknowledged
    if absent and not rig.lossy_broker:
        broken.append(f"I1 {name}: {len(absent)} acknowledged messages are lost: {sorted(absent)[:5]}")
    there = [key for key in due if key in rows]
    if there:
        order = [column.name for column in frames.stream.columns]
        got = frames.values[[rows[key] for key in there]][:, [order.index("x"), order.index("y")]]
        want = np.array([due[key][1] for key in there])
        wrong = np.flatnonzero((got != want).any(axis=1))
        if len(wrong):
            broken.append(f"I2 {name}: {len(wrong)} frames hold other values: {there[wrong[0]]}")
    counts = sorted(count for _, count in rows)
    span = counts[-1] - counts[0] + 1 if counts else 0
    return len({due[key][0] for key in there}), len(absent), span - len(set(counts))


def _sums(terms, history, broken: list[str]) -> None:
    for source, row in terms.items():
        handled, rejected = sum(row["handled"].values()), sum(row["rejected"].values())
        if row["received"] != row["decoded"] + handled + rejected:
            broken.append(f"I9 {source}: received {row['received']} != {row['decoded']} + {handled} + {rejected}")
        if row["decoded_frames"] != row["stored"] + row["duplicate"] + row["key_conflict"]:
            broken.append(f"I9 {source}: the frames do not add up: {row}")
        if row["expected"] != row["distinct"] + row["gap"]:
            broken.append(f"I9 {source}: the sequences do not add up: {row}")
    refused = sum(sum(row["rejected"].values()) + row["key_conflict"] for row in terms.values())
    if history.summary().dead_letters != refused:
        broken.append(f"I9 {history.summary().dead_letters} dead letters, {refused} messages rejected")
    total = sum(count.frames for count in history.by_stream().values())
    if total != sum(row["stored"] for row in terms.values()):
        broken.append(f"I9 {total} frames in the streams, {sum(row['stored'] for row in terms.values())} counted")


def _fold(history, broken: list[str]) -> None:
    verdict = refold(history)
    broken.extend(f"I3 {mismatch}" for mismatch in verdict.mismatches[:3])
    if verdict.frames != history.summary().frames:
        broken.append(f"I3 {verdict.frames} frames folded, {history.summary().frames} stored")
    for writer in history.writers():
        mirror, _ = resume(history, writer)
        live = history.latest()
        for stream, latest in mirror.latest.items():
            row = live.get(stream)
            if row is None or (row.t_ns, row.seq) != (latest.t_ns, latest.seq):
                broken.append(f"I4 {stream}: live is {row and (row.t_ns, row.seq)}, folded {(latest.t_ns, latest.seq)}")


def _bounds(rig: Rig, broken: list[str]) -> int:
    """The longest queue that ingest told of."""
    peak = max(rig.seen.rss_bytes, default=0)
    if peak > MAX_RSS_BYTES:
        broken.append(f"I6 ingest took {peak / 1e6:.0f} MB, at most {MAX_RSS_BYTES / 1e6:.0f} are allowed")
    for pid, fds in rig.seen.fds.items():
        if max(fds) > MAX_FDS:
            broken.append(f"I6 ingest {pid} had {max(fds)} files open, {sorted(fds)[len(fds) // 2]} as a rule")
    told = rig.history.samples(INGEST, "queue", 0, FAR_NS, 10_000_000)
    queue = int(told.maximum.max()) if len(told.maximum) else 0
    if queue > rig.max_queue:
        broken.append(f"I6 {queue} messages in the queue, at most {rig.max_queue} may be")
    return queue
