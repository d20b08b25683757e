"""Whether what a dataset says was taken out of it is out of it, as far as can be told without the hub."""

from __future__ import annotations

import re
import struct
import unicodedata
from typing import TYPE_CHECKING, Any

from mcap.exceptions import McapError
from mcap.reader import make_reader
from zstandard import ZstdError

from connectors.archive.layout import arrow
from connectors.exporters.croissant import PROVENANCE
from connectors.exporters.finding import Finding
from connectors.exporters.mcap import ORIGIN
from connectors.exporters.parquet import EPISODES
from connectors.privacy.asked import RANDOM
from connectors.privacy.cloak import PART, PERSON, words_of
from connectors.privacy.texts import Said, annotators_of, texts_of
from twin.clock import iso_from_ns
from twin.episodes.episode import Method

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

_UNREADABLE = (OSError, ValueError, McapError, ZstdError, struct.error)
MOST = 5
"""So many texts of one signal are named."""


def check_privacy(folder: Path, told: dict[str, Any]) -> Iterator[Finding]:
    """What contradicts the claims of ``told``, the provenance; files that cannot be read are told of elsewhere.

    Raises KeyError, TypeError and AttributeError where it claims nothing that can be understood.
    """
    claims = dict(told.get("privacy", {}))
    if not claims:
        return
    try:
        if "time" in claims:
            yield from _time(folder, told, claims["time"])
        if "pseudonyms" in claims:
            for one in (*annotators_of(folder, told), *_hands(folder, told)):
                if one.text and not PERSON.fullmatch(one.text):
                    yield Finding("privacy", one.file, f"claims pseudonyms, and says who it was: {one.text!r}")
        yield from _signals(folder, told, claims)
    except _UNREADABLE:
        return


def _signals(folder: Path, told: dict[str, Any], claims: dict[str, Any]) -> Iterator[Finding]:
    forms = {
        str(signal): (form, what)
        for what, form in (("pseudonyms", PERSON), ("parts", PART))
        for signal in claims.get(what, {}).get("signals", ())
    }
    named: dict[str, int] = {}
    if not forms:
        return
    for one in texts_of(folder, told):
        form, what = forms.get(one.of, (None, ""))
        if form is None or not one.text or form.fullmatch(one.text):
            continue
        named[one.of] = named.get(one.of, 0) + 1
        if named[one.of] <= MOST:
            yield Finding("privacy", f"{one.file}: {one.of}", f"claims {what}, and says {one.text!r}")


def _hands(folder: Path, told: dict[str, Any]) -> Iterator[Said]:
    """The keys of episodes that people made: who made them."""
    for file, row in _rows(folder, told):
        if row.get("method") == Method.HAND:
            yield Said(file, str(row.get("key") or ""))


def _rows(folder: Path, told: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the data say of each episode: its id, its begin, how it was cut and by which key."""
    if told["format"] == "mcap":
        for one in told["episodes"]:
            with (folder / str(one["file"])).open("rb") as file:
                about = {each.name: each.metadata for each in make_reader(file).iter_metadata()}.get(ORIGIN, {})
            yield str(one["file"]), {"id": about.get("id"), "from": about.get("from"), **about}
        return
    arrow()
    import pyarrow.parquet as pq  # noqa: PLC0415  an extra

    is_tables = told["format"] == "parquet"
    name = EPISODES if is_tables else "meta/episodes/chunk-000/file-000.parquet"
    names = ("episode_id", "start_ns") if is_tables else ("twin_episode_id", "t0_unix_ns")
    for row in pq.read_table(folder / name, columns=[*names, "method", "key"]).to_pylist():
        yield name, {"id": row[names[0]], "from": iso_from_ns(row[names[1]], 9), **row}


def _time(folder: Path, told: dict[str, Any], claim: dict[str, Any]) -> Iterator[Finding]:
    """Whether every time that is told is of the same shifted clock."""
    by = claim.get("by")
    if claim.get("shifted") is not True or not (by == RANDOM or isinstance(by, int | float)):
        yield Finding("privacy", PROVENANCE, f"does not say how times were shifted: {claim}")
    episodes = told["episodes"]
    first, last = min(int(one["from_ns"]) for one in episodes), max(int(one["to_ns"]) for one in episodes)
    if (told["from"], told["to"]) != (iso_from_ns(first), iso_from_ns(last)):
        yield Finding("privacy", PROVENANCE, f"claims {told['from']} – {told['to']}, its episodes are of other times")
    for one in episodes:
        stamped = re.search(r"@(-?\d+)", str(one["id"]))
        if stamped is not None and int(stamped[1]) != int(one["from_ns"]):
            yield Finding("privacy", f"{PROVENANCE}: {one['id']}", "names another time than its episode begins at")
    for one, (file, row) in zip(episodes, _rows(folder, told), strict=False):
        if row["id"] != one["id"] or row["from"] != iso_from_ns(int(one["from_ns"]), 9):
            yield Finding("privacy", f"{file}: {row['id']}", f"is not of the time that {PROVENANCE} tells")


def named_by(folder: Path, told: dict[str, Any], names: Collection[str]) -> Iterator[Finding]:
    """Where a dataset that claims pseudonyms names somebody whom this hub knows."""
    if not names or "pseudonyms" not in told.get("privacy", {}):
        return
    pattern = words_of(names)
    for one in texts_of(folder, told):
        found = pattern.search(unicodedata.normalize("NFC", one.text))
        if found is not None:
            yield Finding("privacy", one.file, f"claims pseudonyms, and names {found[0]!r}, whom this hub knows")
