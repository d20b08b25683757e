"""What A and B mean: a recording, one of a scenario, an interval, or the present."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors.desk import Desk
from connectors.desk.recordings import recordings
from connectors.wall_clock import WallClock
from twin.clock import NS_PER_MS, ns_from_iso
from twin.compare import Extent
from twin.errors import RecordingError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from twin.recording import Recording

LIVE = "live"
SIMULATED = "simulated:"
SAY = "a recording's name, simulated:SCENARIO, live, or FROM..TO (ISO 8601 with offset)"
_SQLITE = "sqlite:///"
_DESK = "-desk.db"
_NAMED = 12


@dataclass(frozen=True, slots=True)
class Choice:
    """One side: [``extent``) of a site in the store at ``url``. ``said`` is how it was asked for.

    ``origin`` is a recording's, ``live`` or ``interval``; ``name`` that of a recording, "" without.
    """

    said: str
    site: str
    extent: Extent
    origin: str
    url: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Simulated:
    """A scenario's recording in a store of its own."""

    recording: Recording
    url: str


@dataclass(frozen=True, slots=True)
class Known:
    """What can be chosen: the store, what is recorded in it, the scenarios' stores, and the sites there are."""

    url: str
    recordings: Sequence[Recording]
    simulated: Sequence[Simulated] = ()
    sites: Collection[str] = field(default=())


def simulated_in(folder: Path) -> list[Simulated]:
    """The recordings that scenarios left in a folder, each in a store of its own; the newest first."""
    found = []
    for file in sorted(folder.glob("*.db")):
        if file.name.endswith(_DESK) or file.name.startswith(".") or not file.with_name(file.stem + _DESK).exists():
            continue
        url = f"{_SQLITE}{file}"
        with closing(Desk(url, WallClock())) as desk:
            found += [Simulated(one, url) for one in recordings(desk) if one.origin.startswith(SIMULATED)]
    return sorted(found, key=lambda one: -one.recording.when_ns)


def chosen(a: str, b: str, known: Known, *, site: str = "", now_ns: int) -> tuple[Choice, Choice]:
    """What A and B mean; raises RecordingError, with what to write instead.

    ``live`` lasts as long as the other side and ends at ``now_ns``. ``site`` is of an interval and of the present,
    where the other side is no recording.
    """
    if a == LIVE and b == LIVE:
        raise RecordingError(f"A and B are both live: at least one of them is {SAY.replace('live, ', '')}")
    found = [None if one == LIVE else _of(one, side, known, site) for one, side in ((a, "A"), (b, "B"))]
    told = next((one.site for one in found if one is not None and one.site), "") or _only(site, known)
    sides = [one if one is None or one.site else _at(one, told) for one in found]
    lasts_ns = next(one.extent.end_ns - one.extent.start_ns for one in sides if one is not None)
    live = Choice(LIVE, told, Extent(now_ns - lasts_ns, now_ns), LIVE, known.url)
    one, other = (live if side is None else side for side in sides)
    return one, other


def _of(said: str, side: str, known: Known, site: str) -> Choice:
    """One side that is not the present; its site is "" where only the other one can say."""
    if recording := next((one for one in known.recordings if one.name == said), None):
        return _recorded(said, recording, known.url)
    if said.startswith(SIMULATED):
        for one in (*(Simulated(each, known.url) for each in known.recordings), *known.simulated):
            if one.recording.origin == said or one.recording.origin.startswith(said + "@"):
                return _recorded(one.recording.origin, one.recording, one.url)
        there = ", ".join(dict.fromkeys(one.recording.origin for one in known.simulated)) or "none"
        raise RecordingError(
            f"{side}: no scenario was played as {said!r}; there are: {there}. `twin scenario run` plays one"
        )
    if played := next((one for one in known.simulated if one.recording.name == said), None):
        return _recorded(played.recording.origin, played.recording, played.url)
    start, dots, end = said.partition("..")
    if dots:
        try:
            extent = Extent(_moment(start), _moment(end))
        except ValueError as error:
            raise RecordingError(f"{side}: {said[:120]!r} is no interval: {error}; write {SAY}") from error
        if site and known.sites and site not in known.sites:
            raise RecordingError(f"there is no site {site!r}; there are: {', '.join(sorted(known.sites))}")
        return Choice(said, site, extent, "interval", known.url)
    names = ", ".join(
        [one.name for one in known.recordings] + [one.recording.origin for one in known.simulated][:_NAMED]
    )
    raise RecordingError(f"{side}: there is no recording {said[:120]!r}; there are: {names or 'none'}. Write {SAY}")


def _recorded(said: str, one: Recording, url: str) -> Choice:
    return Choice(said, one.site, Extent(one.from_ns, one.to_ns), one.origin, url, one.name)


def _at(one: Choice, site: str) -> Choice:
    return Choice(one.said, site, one.extent, one.origin, one.url, one.name)


def _only(site: str, known: Known) -> str:
    """The site that is asked for, or the only one."""
    sites = sorted(known.sites)
    if site in sites or (site and not sites):
        return site
    if site or len(sites) != 1:
        problem = f"there is no site {site!r}" if site else "an interval is of one site"
        raise RecordingError(f"{problem}: name it with --site, one of {', '.join(sites) or 'none'}")
    return sites[0]


def _moment(text: str) -> int:
    """ISO 8601 with an offset, or milliseconds since 1970 → ns; raises ValueError."""
    try:
        return round(float(text) * 1000) * (NS_PER_MS // 1000)
    except (ValueError, OverflowError):
        # "+" of an offset arrives as a blank where it was not encoded.
        return ns_from_iso(text.strip().replace(" ", "+"))
