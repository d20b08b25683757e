"""One table: every address and socket of the page server, and who may ask it for what.

A route that is not in the table is answered to administrators only, and a test fails until it stands here.
What a Dash callback changes is declared beside it (`dashboards.access.auth.changes`); without that it reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from starlette.routing import compile_path

from connectors.desk.papers import MAX_BYTES
from twin.policy import LEAST_ROLE, Right, may

if TYPE_CHECKING:
    from re import Pattern

    from twin.policy import Person


MAX_BODY_BYTES = 1_000_000


class Where(StrEnum):
    """At which sites an address needs its right."""

    OWN = "own"
    """At any: the answer holds only what is of the person's sites (see `dashboards.access.scope`)."""
    ALL = "all"
    """At every site: the answer is of the whole installation."""


class Body(StrEnum):
    """What a request that changes something carries."""

    NONE = ""
    JSON = "application/json"
    FORM = "application/x-www-form-urlencoded"


_OURS = ("/view/", "/api/", "/ws/", "/_dash", "/_")
"""Below these no page lies: an address there that the table does not name is not a page's."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may ask. ``right`` is None where anyone may, without logging in; ``token``: programs may, too."""

    right: Right | None
    where: Where = Where.OWN
    body: Body = Body.NONE
    token: bool = False
    most_bytes: int = MAX_BODY_BYTES
    """How long the body of a request may be."""

    def is_page(self, path: str) -> bool:
        """Whether a person at a browser asks for a page by it, and not a program for an answer."""
        return self is SEE and not path.startswith(_OURS)

    def admits(self, person: Person) -> bool:
        """Whether a person may ask at all."""
        if self.right is None:
            return True
        if person.role < LEAST_ROLE[self.right] or not person.sites:
            return False
        if person.rights is not None and self.right not in person.rights:
            return False
        return self.where is Where.OWN or (person.sees_all and may(person, self.right))


ANYONE = Rule(None)
SEE = Rule(Right.SEE)
READ = Rule(Right.SEE, token=True)
UNRULED = Rule(Right.ADMINISTER, Where.ALL)
SOCKET = "WS"

RULES: dict[tuple[str, str], Rule] = {
    # what tells nothing of the plant
    ("GET", "/healthz"): ANYONE,
    **{("GET", f"/{name}"): ANYONE for name in ("words.js", "twin.css", "twin.js", "scene.js")},
    ("POST", "/settings"): Rule(None, body=Body.FORM),
    ("GET", "/assets"): ANYONE,
    ("GET", "/_dash-component-suites/{package_name}/{fingerprinted_path:path}"): ANYONE,
    ("GET", "/_favicon.ico"): ANYONE,
    ("GET", "/_reload-hash"): ANYONE,
    # coming and going
    ("GET", "/login"): ANYONE,
    ("POST", "/login"): Rule(None, body=Body.FORM),
    ("POST", "/logout"): Rule(None, body=Body.FORM),
    # the pages
    ("GET", "/"): SEE,
    ("GET", "{path:path}"): SEE,
    ("GET", "/_dash-layout"): SEE,
    ("GET", "/_dash-dependencies"): SEE,
    ("POST", "/_dash-update-component"): Rule(Right.SEE, body=Body.JSON),
    (SOCKET, "/_dash-ws-callback"): SEE,
    (SOCKET, "/ws/live"): SEE,
    # what the pages' components ask for
    ("GET", "/view/directory"): SEE,
    ("GET", "/view/state"): SEE,
    ("GET", "/view/chunk"): SEE,
    ("GET", "/view/trend"): SEE,
    ("GET", "/view/lanes"): SEE,
    ("GET", "/view/overview"): SEE,
    ("GET", "/view/connections"): SEE,
    ("GET", "/view/events"): SEE,
    ("GET", "/view/mirror"): SEE,
    **{
        ("GET", f"/view/kpi/{name}"): SEE
        for name in ("figures", "lanes", "stops", "trend", "now", "reasons", "history")
    },
    ("POST", "/view/kpi/stops"): Rule(Right.TELL, body=Body.JSON),
    ("GET", "/view/report"): SEE,
    ("POST", "/view/report/notes"): Rule(Right.TELL, body=Body.JSON),
    ("POST", "/view/report/sign"): Rule(Right.TELL, body=Body.JSON),
    **{("GET", f"/view/line/{name}"): SEE for name in ("states", "cycles", "parts")},
    **{("GET", f"/view/cell/{name}"): SEE for name in ("cycles", "steps", "expected")},
    ("GET", "/view/fleet"): SEE,
    ("GET", "/view/asset/book"): SEE,
    ("POST", "/view/asset/remarks"): Rule(Right.TELL, body=Body.JSON),
    ("POST", "/view/asset/papers"): Rule(Right.TELL, most_bytes=MAX_BYTES),
    ("GET", "/view/asset/papers/{n}"): SEE,
    ("DELETE", "/view/asset/papers/{n}"): Rule(Right.TELL),
    ("GET", "/view/asset/upkeep"): SEE,
    ("POST", "/view/asset/upkeep"): Rule(Right.CONFIGURE, body=Body.JSON),
    ("POST", "/view/asset/upkeep/{n}/done"): Rule(Right.TELL, body=Body.JSON),
    ("DELETE", "/view/asset/upkeep/{n}"): Rule(Right.CONFIGURE),
    ("GET", "/view/hub"): SEE,
    ("GET", "/view/datasets"): SEE,
    ("GET", "/view/meanwhile"): SEE,
    ("GET", "/view/pens"): SEE,
    ("POST", "/view/pens"): Rule(Right.TELL, body=Body.JSON),
    ("DELETE", "/view/pens/{group_id}"): SEE,
    ("GET", "/view/trend.csv"): Rule(Right.EXPORT),
    ("POST", "/view/trend.png"): Rule(Right.EXPORT, body=Body.JSON),
    ("GET", "/view/whatif"): Rule(Right.SIMULATE),
    ("POST", "/view/whatif"): Rule(Right.SIMULATE, body=Body.JSON),
    ("GET", "/view/whatif/{run_id}"): Rule(Right.SIMULATE),
    ("DELETE", "/view/whatif/{run_id}"): Rule(Right.SIMULATE),
    ("GET", "/view/models"): SEE,
    ("POST", "/view/models"): Rule(Right.CONFIGURE, body=Body.JSON),
    ("POST", "/view/models/acts"): Rule(Right.CONFIGURE, body=Body.JSON),
    ("GET", "/view/compare"): SEE,
    **{("GET", f"/view/compare/{name}"): SEE for name in ("sides", "trend", "chunk")},
    ("GET", "/view/episodes"): SEE,
    ("POST", "/view/episodes"): Rule(Right.TELL, body=Body.JSON),
    ("DELETE", "/view/episodes"): Rule(Right.TELL),
    **{("GET", f"/view/episodes/{name}"): SEE for name in ("labels", "agreement")},
    **{("POST", f"/view/episodes/{name}"): Rule(Right.TELL, body=Body.JSON) for name in ("labels", "bulk", "undo")},
    ("GET", "/view/layout"): SEE,
    ("POST", "/view/layout"): Rule(Right.LAYOUT, body=Body.JSON),
    ("POST", "/view/layout/restore"): Rule(Right.LAYOUT, body=Body.JSON),
    ("POST", "/view/drawing"): Rule(Right.LAYOUT),
    ("GET", "/view/drawing/{sha256}"): SEE,
    # what programs ask for
    ("GET", "/api/v1/kpi"): READ,
    ("GET", "/api/v1/stops"): READ,
    ("POST", "/api/v1/stops"): Rule(Right.TELL, body=Body.JSON, token=True),
    ("GET", "/api/v1/alarms"): READ,
    ("GET", "/api/v1/alarms/journal"): READ,
    ("GET", "/api/v1/alarms/performance"): READ,
    ("GET", "/api/v1/alarms/active.csv"): Rule(Right.EXPORT, token=True),
    ("GET", "/api/v1/alarms/journal.csv"): Rule(Right.EXPORT, token=True),
    ("POST", "/api/v1/alarms/actions"): Rule(Right.ACKNOWLEDGE, body=Body.JSON, token=True),
    ("GET", "/metrics"): Rule(Right.SEE, Where.ALL, token=True),
    ("GET", "/api/v1/openapi.json"): READ,
    ("GET", "/api/v1/sites"): READ,
    ("GET", "/api/v1/assets"): READ,
    ("GET", "/api/v1/signals"): READ,
    ("GET", "/api/v1/latest"): READ,
    ("GET", "/api/v1/samples"): READ,
    ("GET", "/api/v1/events"): READ,
    ("GET", "/api/v1/recordings"): READ,
    ("POST", "/api/v1/recordings"): Rule(Right.TELL, body=Body.JSON, token=True),
    ("POST", "/api/v1/recordings/{name}/rename"): Rule(Right.TELL, body=Body.JSON, token=True),
    ("DELETE", "/api/v1/recordings/{name}"): Rule(Right.TELL, token=True),
    ("GET", "/api/v1/bookmarks"): READ,
    ("POST", "/api/v1/bookmarks"): Rule(Right.TELL, body=Body.JSON, token=True),
    ("DELETE", "/api/v1/bookmarks/{mark_id}"): Rule(Right.TELL, token=True),
    ("GET", "/api/v1/fidelity"): READ,
    ("GET", "/api/v1/compare"): READ,
    ("GET", "/api/v1/compare.csv"): Rule(Right.EXPORT, token=True),
    ("GET", "/api/v1/hub"): READ,
    ("GET", "/api/v1/datasets"): READ,
    ("GET", "/api/v1/models"): READ,
    ("GET", "/api/v1/models/{name}"): READ,
    ("GET", "/api/v1/models/{name}/{version}/{file}"): Rule(Right.EXPORT, token=True),
    ("GET", "/api/v1/episodes"): READ,
    ("POST", "/api/v1/episodes"): Rule(Right.TELL, body=Body.JSON, token=True),
    ("DELETE", "/api/v1/episodes"): Rule(Right.TELL, token=True),
    **{("GET", f"/api/v1/episodes/{name}"): READ for name in ("labels", "agreement")},
    **{
        ("POST", f"/api/v1/episodes/{name}"): Rule(Right.TELL, body=Body.JSON, token=True)
        for name in ("labels", "bulk", "undo")
    },
    ("GET", "/api/v1/sessions"): Rule(Right.SIMULATE, token=True),
    ("DELETE", "/api/v1/sessions/{session_id}"): Rule(Right.SEE, token=True),
    ("GET", "/api/v1/audit"): Rule(Right.ADMINISTER, Where.ALL, token=True),
}
"""(method or ``WS``, the route's own path) → rule."""

_PAGES = ("{path:path}", "/")


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[str, Pattern[str], Rule]]:
    found = []
    for (method, path), rule in RULES.items():
        if path not in _PAGES:
            below = path == "/assets"
            found.append((method, compile_path(path + "/{rest:path}" if below else path)[0], rule))
    return found


def rule_of(method: str, path: str) -> Rule:
    """The rule of a request: of its address, else that of the pages."""
    asked = "GET" if method == "HEAD" else method
    for one, pattern, rule in _patterns():
        if one == asked and pattern.match(path):
            return rule
    if asked == "GET" and not path.startswith(_OURS):
        return SEE
    return UNRULED
