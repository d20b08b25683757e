"""``/view/compare/*`` for the page, ``/api/v1/compare`` for programs: two sides, what differs, and both drawn."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from connectors.compare import TOLERANCE_S, Known, Reading, chosen, compare, simulated_in
from connectors.desk import recordings as kept
from connectors.desk import stops
from connectors.stores.sql import open_history
from dashboards.access.auth import needs, person
from dashboards.access.scope import history_of, reach
from dashboards.calls.api_models import CompareAnswer, ErrorAnswer
from dashboards.calls.view import MAX_CHUNK_S, MAX_HZ, json_of, packet_of, site_in
from dashboards.compare_file import csv_of
from dashboards.errors import AskedWrongly
from dashboards.moment import MAX_POINTS, ns_of_ms, span
from dashboards.once import Once
from dashboards.summary import packets
from dashboards.summary.compare import choice_json, recording_json, series_json, whole_json
from dashboards.summary.directory import EVERY_SITE
from dashboards.view import PastView
from twin.clock import NS_PER_S
from twin.compare import Align, told
from twin.errors import RecordingError
from twin.ids import site_of
from twin.kpi import catalogue
from twin.policy import Right

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.compare import Choice, Simulated
    from connectors.desk.stops import Told
    from dashboards.page import Behind
    from twin.compare import Comparison
    from twin.ports import History

FOLDER = "simulated"
"""Beside the factory file: where `twin scenario run` leaves recordings of scenarios."""
MAX_SPAN_S = 24 * 3600.0
MAX_FRAMES = 1_000_000
"""A side with more frames is compared by `twin compare`, not while somebody waits for a page."""
MAX_SIGNALS = 6
MAX_CHUNK_PACKETS = 600
OPENED = 4
SETTLED_NS = 600 * NS_PER_S
LIVE_EVERY_NS = 5 * NS_PER_S
"""What ended lately may still change: it is compared anew so often."""
KEPT = 8
_DAY_NS = 24 * 3600 * NS_PER_S

Said = Annotated[str, Query(max_length=200, description="a recording, simulated:SCENARIO, live, or FROM..TO")]
Site = Annotated[str, Query(max_length=200, description="the site of an interval, or of the present")]
Asset = Annotated[str, Query(max_length=500, description="this asset or place only")]
Way = Annotated[str, Query(max_length=300, description="clock, offset, offset:SECONDS, event:NAME, event:NAME@ASSET")]
Tolerance = Annotated[float, Query(ge=0, le=3600, description="events no further apart are the same one, s")]
Ms = Annotated[float, Query(description="ms since 1970")]
ERRORS: dict[int | str, dict[str, Any]] = {code: {"model": ErrorAnswer} for code in (400, 404, 422, 503)}


@dataclass(frozen=True, slots=True)
class Asked:
    """One comparison that is asked for."""

    a: str
    b: str
    align: str
    site: str
    asset: str
    tolerance_s: float


def _asked(  # noqa: PLR0913  the parameters of the calls
    a: Said,
    b: Said,
    align: Way = "offset",
    site: Site = "",
    asset: Asset = "",
    tolerance_s: Tolerance = TOLERANCE_S,
) -> Asked:
    return Asked(a, b, align, site, asset, tolerance_s)


Wanted = Annotated[Asked, Depends(_asked)]


class Sides:
    """The sides that a person can choose from, and the stores they lie in. Mutable; any thread may ask."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind
        self._lock = threading.Lock()
        self._opened: OrderedDict[str, History] = OrderedDict()
        self._simulated: tuple[object, list[Simulated]] = (None, [])
        self._made = Once(KEPT)
        self._one = threading.Lock()
        """One comparison at a time: each holds a signal of both sides, and a core."""

    def known(self) -> Known:
        """What there is of the sites of the person who asks."""
        behind = self._behind
        sites = {site_of(one.asset) for one in behind.reader.history().streams().values()} - {"twin"}
        return Known(
            behind.factory.store.url,
            kept.recordings(behind.desk, reach()),
            [one for one in self._played() if person().sees(one.recording.site)],
            sites & {one.id for one in behind.factory.hub.sites} or sites,
        )

    def _played(self) -> list[Simulated]:
        """The scenarios' recordings; looked through again when a file has come, gone or changed."""
        folder = self._behind.folder / FOLDER
        with self._lock:
            seen = sorted((one.name, one.stat().st_mtime_ns) for one in folder.glob("*.db"))
            if self._simulated[0] != seen:
                self._simulated = (seen, simulated_in(folder))
            return self._simulated[1]

    def chosen(self, a: str, b: str, site: str) -> tuple[Choice, Choice]:
        """What A and B mean; raises AskedWrongly."""
        site = "" if site in ("", EVERY_SITE) else site_in(self._behind, site)
        try:
            return chosen(a, b, self.known(), site=site, now_ns=self._behind.clock.now_ns())
        except RecordingError as error:
            raise _refused(error) from error

    def history(self, choice: Choice) -> History:
        """The store a side lies in, as the person who asks sees it."""
        if choice.url == self._behind.factory.store.url:
            return self._behind.reader.history()
        with self._lock:
            found = self._opened.pop(choice.url, None) or open_history(choice.url)
            self._opened[choice.url] = found
            while len(self._opened) > OPENED:
                self._opened.popitem(last=False)  # not closed: another thread may be reading it
        return history_of(found)

    def compared(self, asked: Asked) -> tuple[Comparison, Reading, Reading]:
        """Compare; raises AskedWrongly for what cannot be, or is too much for a page."""
        behind = self._behind
        try:
            align = Align.parse(asked.align)
        except RecordingError as error:
            raise AskedWrongly(400, str(error), "align", "see docs/reference/compare.md") from error
        choices = self.chosen(asked.a, asked.b, asked.site)
        now_ns = behind.clock.now_ns()
        settled = all(one.extent.end_ns < now_ns - SETTLED_NS for one in choices)
        told_ = stops.told(behind.desk, 0, now_ns + _DAY_NS)
        key = (
            choices, str(align), asked.asset, asked.tolerance_s, max((one.n for one in told_), default=0),
            None if settled else now_ns // LIVE_EVERY_NS,
        )  # fmt: skip
        found: tuple[Comparison, Reading, Reading] = self._made.get(
            key, lambda: self._compare(asked, align, choices, told_)
        )
        return found

    def _compare(
        self, asked: Asked, align: Align, choices: tuple[Choice, Choice], told_: Iterable[Told]
    ) -> tuple[Comparison, Reading, Reading]:
        below = choices[0].site != choices[1].site
        a, b = (Reading(self.history(one), one, asset=asked.asset, below_site=below) for one in choices)
        for name, reading in (("a", a), ("b", b)):
            _small_enough(name, reading)
        hub = self._behind.factory.hub
        causes = {site.id: catalogue(site.stop_reasons) for site in hub.sites}
        reasons = [stops.reason(one, causes.get(site_of(one.asset), catalogue())) for one in told_]
        try:
            with self._one:
                made = compare(a, b, align, hub, tolerance_s=asked.tolerance_s, reasons=reasons)
        except RecordingError as error:
            raise _refused(error) from error
        return made, a, b


def compare_router(behind: Behind) -> APIRouter:  # noqa: C901  one function a call, side by side
    """The calls, on what stands behind the pages."""
    router = APIRouter()
    sides = Sides(behind)

    @router.get("/api/v1/compare", response_model=CompareAnswer, responses=ERRORS)
    def compare_(asked: Wanted) -> Response:
        """What differs between two recordings, a recording and the present, or a scenario."""
        made, _, _ = sides.compared(asked)
        return json_of(told(made))

    @router.get("/api/v1/compare.csv", include_in_schema=False)
    def file_(asked: Wanted) -> Response:
        """The same as a file; who may export at both sites, and the audit trail tells of it."""
        for choice in sides.chosen(asked.a, asked.b, asked.site):
            who = needs(Right.EXPORT, choice.site)
        made, _, _ = sides.compared(asked)
        text = csv_of(told(made))
        told_of = {"a": asked.a, "b": asked.b, "align": asked.align, "asset": asked.asset}
        detail = {**told_of, "rows": text.count("\n") - 1}
        behind.desk.note(who.name, "export", "compare.csv", detail)
        headers = {"content-disposition": 'attachment; filename="compare.csv"'}
        return Response(text.encode(), media_type="text/csv; charset=utf-8", headers=headers)

    @router.get("/view/compare", include_in_schema=False)
    def whole(asked: Wanted) -> Response:
        return json_of(whole_json(*sides.compared(asked)))

    @router.get("/view/compare/sides", include_in_schema=False)
    def listed() -> Response:
        known = sides.known()
        return json_of(
            {
                "recordings": [recording_json(one, one.name) for one in known.recordings],
                "simulated": [recording_json(one.recording, one.recording.origin) for one in known.simulated],
                "sites": sorted(known.sites),
            }
        )

    def side(of: str, site: str) -> Choice:
        """A side that a page has been told of: never the present, that would have moved on."""
        if of == "live":
            raise AskedWrongly(400, "the present moves on", "of", "ask for its interval, FROM..TO")
        return sides.chosen(of, of, site)[0]

    @router.get("/view/compare/trend", include_in_schema=False)
    def trend(  # noqa: PLR0913  the parameters of the call
        of: Said,
        signal: Annotated[list[str], Query(min_length=1, max_length=MAX_SIGNALS)],
        from_ms: Ms,
        to_ms: Ms,
        origin_ms: Ms,
        site: Site = "",
        below_site: bool = False,  # noqa: FBT001, FBT002  a parameter of the call
        max_points: Annotated[int, Query(ge=1, le=MAX_POINTS)] = 1000,
    ) -> Response:
        choice = side(of, site)
        reading = Reading(sides.history(choice), choice, below_site=below_site)
        asked = span(ns_of_ms(from_ms, "from_ms"), ns_of_ms(to_ms, "to_ms"), MAX_SPAN_S)
        origin_ns = ns_of_ms(origin_ms, "origin_ms")
        found = {}
        for one in signal:
            known = reading.drawn(one, asked.start_ns, asked.end_ns, max_points)
            if known is not None:
                found[one] = series_json(*known, origin_ns)
        return json_of({"of": choice_json(choice), "series": found})

    @router.get("/view/compare/chunk", include_in_schema=False)
    def chunk(
        of: Said, from_ms: Ms, to_ms: Ms, hz: Annotated[float, Query(gt=0, le=MAX_HZ)] = 10.0, site: Site = ""
    ) -> Response:
        choice = side(of, site)
        asked = span(ns_of_ms(from_ms, "from_ms"), ns_of_ms(to_ms, "to_ms"), MAX_CHUNK_S)
        if asked.span_s * hz >= MAX_CHUNK_PACKETS:
            raise AskedWrongly(400, f"{asked.span_s:.0f} s at {hz:g} Hz is too much", "hz", "ask for less at once")
        view = PastView(sides.history(choice), choice.extent.end_ns)
        return packet_of(packets.chunk(view, choice.site, asked.start_ns, asked.end_ns, hz))

    return router


def _small_enough(name: str, reading: Reading) -> None:
    extent = reading.choice.extent
    span(extent.start_ns, extent.end_ns, MAX_SPAN_S)
    frames = reading.frames_count()
    if frames > MAX_FRAMES:
        raise AskedWrongly(
            400, f"{frames:,} frames are too many to wait for", name,
            "choose one asset or a shorter time, or use `twin compare`",
        )  # fmt: skip


def _refused(error: RecordingError) -> AskedWrongly:
    text = str(error)
    missing = "there is no" in text or "no scenario" in text
    where = next((side.lower() for side in "AB" if text.startswith(f"{side}:")), "align" if "align" in text else "a")
    return AskedWrongly(404 if missing else 400, text, where, "see docs/reference/compare.md")
