"""Who looks at what: every open page as its browser tells of it, live or in a replay, until it is closed or left alone.

A replay is the browser's own clock. It costs the server nothing that others would feel, so any number of people may
have one; a viewing is what makes it known: who, which page, which moment, since when. One that nobody touches any
longer is told so a minute before, and then goes back to the present.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from twin.clock import NS_PER_MS, NS_PER_S
from twin.ids import site_of
from twin.policy import EVERY_SITE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from twin.clock import Clock
    from twin.policy import Person

IDLE_S = 3600.0
WARN_S = 60.0
MAX_TOLD = 2000
"""A browser's word of itself is no longer than this, in characters."""
_SITE_PAGES = frozenset({"floor", "asset", "line", "cell", "fleet", "oee", "report", "whatif"})
"""Pages whose address goes on with a site."""
_MOST_SPEED = 1000.0
_LONGEST_NS = 30 * 24 * 3600 * NS_PER_S


class _Told(msgspec.Struct, forbid_unknown_fields=True):
    """What a browser says of itself; ``at_ms`` is null live, ``active`` says whether a person did something since."""

    page: str
    at_ms: float | None = None
    speed: float = 1.0
    playing: bool = False
    active: bool = False
    since_ms: float | None = None


@dataclass(slots=True, eq=False)
class Viewing:
    """One open page (mutable; the hub's loop writes). ``site`` is that of its socket, or ``*``.

    ``at_ns`` is the moment it stands at, None live; ``replay_ns`` since when it is in a replay.
    """

    id: str
    person: Person
    site: str
    since_ns: int
    active_ns: int
    page: str = ""
    at_ns: int | None = None
    speed: float = 1.0
    playing: bool = False
    replay_ns: int | None = None
    warned: bool = False
    tell: Callable[[str], None] = lambda _: None


class Viewings:
    """Every open page of this process. Mutable; only the event loop's thread touches it.

    ``idle_s`` is how long a replay stays that nobody touches; 0 is for ever.
    """

    def __init__(self, clock: Clock, idle_s: float = IDLE_S) -> None:
        self.idle_s = idle_s
        self._clock = clock
        self._known: dict[str, Viewing] = {}

    def join(self, person: Person, site: str, tell: Callable[[str], None]) -> Viewing:
        """A page was opened; ``tell`` sends its browser a text."""
        now_ns = self._clock.now_ns()
        made = Viewing(secrets.token_hex(6), person, site, now_ns, now_ns, tell=tell)
        self._known[made.id] = made
        return made

    def leave(self, one: Viewing) -> None:
        """Its page was closed."""
        self._known.pop(one.id, None)

    def hear(self, one: Viewing, text: str) -> None:
        """Take a browser's word of itself; what cannot be read is nothing."""
        try:
            told = msgspec.json.decode(text[:MAX_TOLD], type=_Told)
        except msgspec.DecodeError:
            return
        now_ns = self._clock.now_ns()
        one.page = told.page[:500] if told.page.startswith("/") else ""
        one.at_ns = _ns(told.at_ms, now_ns)
        one.speed = told.speed if abs(told.speed) <= _MOST_SPEED else 1.0
        one.playing = told.playing and one.at_ns is not None
        since_ns = _ns(told.since_ms, now_ns)
        if since_ns is not None and now_ns - since_ns < _LONGEST_NS:
            one.since_ns = min(one.since_ns, since_ns)
        entered = one.at_ns is not None and one.replay_ns is None
        one.replay_ns = None if one.at_ns is None else (now_ns if entered else one.replay_ns)
        if told.active or entered:
            one.active_ns = now_ns
        if one.warned and (one.at_ns is None or told.active):
            one.warned = False
            one.tell(_message(None, ended=False))

    def look(self) -> None:
        """Warn of replays that nobody touches, and end those whose time is up; called once a second."""
        now_ns = self._clock.now_ns()
        for one in self._known.values():
            ends_ns = self.ends_ns(one)
            if ends_ns is None:
                continue
            if now_ns >= ends_ns:
                self._end(one)
            elif not one.warned and now_ns >= ends_ns - WARN_S * NS_PER_S:
                one.warned = True
                one.tell(_message(ends_ns, ended=False))

    def end(self, one: Viewing) -> None:
        """Send a replay back to the present, by somebody's wish."""
        if one.at_ns is not None:
            self._end(one)

    def ends_ns(self, one: Viewing) -> int | None:
        """When a replay ends if nobody touches it; None live, and where replays stay."""
        return None if one.at_ns is None or not self.idle_s else one.active_ns + round(self.idle_s * NS_PER_S)

    def find(self, viewing_id: str) -> Viewing | None:
        """The open page of that id."""
        return self._known.get(viewing_id)

    def seen_by(self, person: Person) -> list[Viewing]:
        """The open pages that a person may know of, the newest last: their own, and those of sites that they see.

        Of who looks at all sites know only those who see as much.
        """
        found = [one for one in self._known.values() if one.person.name == person.name or _is_within(one, person)]
        return sorted(found, key=lambda one: (one.since_ns, one.id))

    def told(self, listed: Iterable[Viewing], person: Person) -> list[dict[str, Any]]:
        """Rows for people and programs, times in ms."""
        now_ns = self._clock.now_ns()
        return [self._row(one, person, now_ns) for one in listed]

    def _row(self, one: Viewing, person: Person, now_ns: int) -> dict[str, Any]:
        ends_ns = self.ends_ns(one)
        return {
            "id": one.id,
            "who": one.person.name,
            "own": one.person.name == person.name,
            "site": one.site,
            "page": one.page,
            "mode": "live" if one.at_ns is None else "replay",
            "at_ms": None if one.at_ns is None else one.at_ns / NS_PER_MS,
            "speed": one.speed if one.at_ns is not None else None,
            "playing": one.playing,
            "since_ms": one.since_ns / NS_PER_MS,
            "replay_since_ms": None if one.replay_ns is None else one.replay_ns / NS_PER_MS,
            "idle_s": max(0.0, (now_ns - one.active_ns) / NS_PER_S),
            "ends_ms": None if ends_ns is None else ends_ns / NS_PER_MS,
        }

    def _end(self, one: Viewing) -> None:
        """The browser goes back to the present; until it says so itself, it counts as gone there."""
        one.at_ns = one.replay_ns = None
        one.playing = one.warned = False
        one.tell(_message(None, ended=True))


def _is_within(one: Viewing, person: Person) -> bool:
    if person.sees_all:
        return True
    _, _, path = one.page.partition("/")
    page, _, rest = path.partition("/")
    sites = {site_of(rest)} if rest and page in _SITE_PAGES else set()
    sites |= {one.site} if one.site != EVERY_SITE else set(one.person.sites)
    return all(person.sees(site) for site in sites)


def _message(ends_ns: int | None, *, ended: bool) -> str:
    told = {"type": "session", "ends_ms": None if ends_ns is None else ends_ns / NS_PER_MS, "ended": ended}
    return msgspec.json.encode(told).decode()


def _ns(ms: float | None, now_ns: int) -> int | None:
    """A browser's time; None for what is no time of the past."""
    if ms is None or not math.isfinite(ms):
        return None
    found = round(ms * NS_PER_MS)
    return found if 0 < found <= now_ns + NS_PER_S else None
