"""Figures over HTTP: ``/view/kpi/*`` and ``/view/report`` for the pages, ``/api/v1/kpi`` and ``/stops`` for programs.

Everything answers as of a moment, and reads what people told of stops with what was measured.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from starlette.requests import Request  # noqa: TC002  FastAPI reads the annotations
from starlette.responses import Response  # noqa: TC002  FastAPI reads the annotations

from connectors.desk import notes, stops
from connectors.figures.answer import BY, CONVENTIONS, answer
from connectors.plugins import rules_of
from dashboards.access.auth import allowed, needs
from dashboards.calls.api_models import ErrorAnswer, KpiAnswer, StopsAnswer
from dashboards.calls.view import json_of, site_in
from dashboards.errors import AskedWrongly
from dashboards.fresh_figures import Look
from dashboards.moment import ns_of_ms, ns_of_text, span
from dashboards.once import Once
from dashboards.status import ms
from dashboards.summary import oee, report
from dashboards.summary.directory import EVERY_SITE
from twin.clock import NS_PER_S
from twin.errors import StoreRejected
from twin.ids import site_of
from twin.kpi import catalogue
from twin.policy import Right

if TYPE_CHECKING:
    from connectors.desk.stops import Told
    from dashboards.fresh_figures import FreshFigures
    from dashboards.page import Behind
    from twin.site import Site

DAY_NS = 24 * 3600 * NS_PER_S
MOST_BACK = 60

ScopeId = Annotated[str, Query(max_length=500, description="a site, a line or an asset")]
Moment = Annotated[float | None, Query(description="ms since 1970; left out: now")]
Word = Annotated[str, Query(max_length=200)]


class StopIn(msgspec.Struct, forbid_unknown_fields=True):
    """A stop as a page or a program tells it; ``code`` "" with ``stop`` takes it back."""

    asset: str
    from_ms: float
    to_ms: float
    code: str
    note: str = ""
    stop: int | None = None


class NoteIn(msgspec.Struct, forbid_unknown_fields=True):
    """A note for a shift."""

    site: str
    day: str
    shift: str
    text: str


class SignIn(msgspec.Struct, forbid_unknown_fields=True):
    """A signature: ``sha256`` is that of the figures that were on the screen."""

    site: str
    day: str
    shift: str
    sha256: str


def body_of(body: bytes, request: Request, kind: type[Any]) -> Any:
    """A JSON body of a kind; raises AskedWrongly for another one."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise AskedWrongly(415, "the body is not JSON", "content-type", "application/json")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise AskedWrongly(422, str(error), "body", "see docs/reference/kpi.md") from error


def kpi_router(behind: Behind, fresh: FreshFigures) -> APIRouter:  # noqa: C901, PLR0915  one function a call, side by side
    """The calls, on what stands behind the pages."""
    router = APIRouter()
    figures, once, rules = fresh.figures, Once(), rules_of(behind.factory)

    def look(as_of_ms: float | None) -> Look:
        return Look(behind, figures, None if as_of_ms is None else ns_of_ms(as_of_ms, "as_of_ms"))

    def answered(name: str, as_of_ms: float | None, key: tuple[object, ...], make: Any) -> Response:
        """An answer that several browsers share: live ones for a few seconds, past ones for good."""
        at = fresh.key(as_of_ms)
        # The parts of a page ask at once, and of the same: they share one look at the store.
        return json_of(once.get((name, *at, *key), lambda: make(fresh.look(at, lambda: look(as_of_ms)))))

    def known(scope: str) -> str:
        """The scope, where its site is one that may be asked for."""
        site_in(behind, site_of(scope))
        return scope

    def meant(seen: Look, scope: str, word: str) -> tuple[Site, Any, oee.Time]:
        site, found = oee.scope_of(figures, seen.asked, scope)
        return site, found, oee.time_of(site, word, seen.now_ns)

    @router.get("/view/kpi/figures", include_in_schema=False)
    def figures_(scope: ScopeId, span: Word = "shift", as_of_ms: Moment = None) -> Response:
        def make(seen: Look) -> dict[str, Any]:
            return oee.figures_json(figures, seen.asked, *meant(seen, scope, span))

        return answered("figures", as_of_ms, (known(scope), span), make)

    @router.get("/view/kpi/lanes", include_in_schema=False)
    def lanes(scope: ScopeId, span: Word = "shift", as_of_ms: Moment = None) -> Response:
        def make(seen: Look) -> dict[str, Any]:
            return oee.lanes_json(figures, seen.asked, *meant(seen, scope, span))

        return answered("lanes", as_of_ms, (known(scope), span), make)

    @router.get("/view/kpi/stops", include_in_schema=False)
    def stops_(scope: ScopeId, span: Word = "shift", as_of_ms: Moment = None) -> Response:
        def make(seen: Look) -> dict[str, Any]:
            site, found, time = meant(seen, scope, span)
            return oee.stops_json(figures, seen.asked, site, found, time, seen.told)

        may_tell = allowed(Right.TELL, site_of(scope))
        key = (known(scope), span, may_tell)
        return answered("stops", as_of_ms, key, lambda seen: {**make(seen), "may_tell": may_tell and seen.live})

    @router.get("/view/kpi/trend", include_in_schema=False)
    def trend(scope: ScopeId, back: Annotated[int, Query(ge=0, le=MOST_BACK)] = 0, as_of_ms: Moment = None) -> Response:
        def make(seen: Look) -> dict[str, Any]:
            site, found = oee.scope_of(figures, seen.asked, scope)
            time = oee.back_of(site, seen.now_ns, back)
            begun = min((one.first_ns for one in seen.asked.counts.values()), default=seen.now_ns)
            if time is None or time.end_ns <= begun:
                return {"time": None, "row": None}
            return oee.figures_json(figures, seen.asked, site, found, time)

        return answered("trend", as_of_ms, (known(scope), back), make)

    @router.get("/view/kpi/now", include_in_schema=False)
    def now(site: Word, as_of_ms: Moment = None) -> Response:
        def make(seen: Look) -> dict[str, Any]:
            found = seen.site(figures, site)
            scope = figures.scopes(seen.asked, found)[0]
            time = oee.time_of(found, "shift", seen.now_ns)
            row = oee.figures_json(figures, seen.asked, found, scope, time)["row"]
            return {"time": oee.time_json(found, time), "oee": row["kpis"]["oee"], "target": found.targets.get("oee")}

        return answered("now", as_of_ms, (site_in(behind, site),), make)

    @router.get("/view/kpi/reasons", include_in_schema=False)
    def reasons(site: Word) -> Response:
        found = behind.factory.hub.site(site_in(behind, site))
        return json_of({"reasons": [] if found is None else oee.reasons_json(found)})

    @router.get("/view/kpi/history", include_in_schema=False)
    def history(stop: int) -> Response:
        told = stops.history(behind.desk, stop)
        for one in told[:1]:
            site_in(behind, site_of(one.asset))
        return json_of({"told": [_told(one) for one in told]})

    def tell_stop(said: StopIn) -> Response:
        site = site_in(behind, site_of(said.asset))
        who = needs(Right.TELL, site)
        known = behind.factory.hub.site(site)
        causes = catalogue(known.stop_reasons if known else ())
        if said.code and said.code not in causes:
            raise AskedWrongly(400, f"there is no reason {said.code[:64]!r}", "code", "one of " + ", ".join(causes))
        if said.asset not in behind.factory.hub.assets():
            raise AskedWrongly(404, f"there is no asset {said.asset[:200]!r}", "asset", "see /api/v1/assets")
        start_ns, end_ns = ns_of_ms(said.from_ms, "from_ms"), ns_of_ms(said.to_ms, "to_ms")
        try:
            if not said.code and said.stop is None:
                raise AskedWrongly(400, "a stop without a reason says nothing", "code", "one of " + ", ".join(causes))
            kept = stops.tell(behind.desk, who.name, said.asset, start_ns, end_ns, said.code, said.note, said.stop)
        except StoreRejected as error:
            raise AskedWrongly(400, str(error), "body", "see docs/reference/kpi.md") from error
        fresh.told()
        return json_of({"told": _told(kept)})

    async def tell(request: Request) -> Response:
        return await asyncio.to_thread(tell_stop, body_of(await request.body(), request, StopIn))

    router.post("/view/kpi/stops", include_in_schema=False)(tell)
    router.post("/api/v1/stops", response_model=None, responses=_ERRORS)(tell)

    @router.get("/view/report", include_in_schema=False)
    def report_(site: Word, day: Word = "", shift: Word = "", as_of_ms: Moment = None) -> Response:
        may_tell = allowed(Right.TELL, site)

        def make(seen: Look) -> dict[str, Any]:
            found = seen.site(figures, site_in(behind, site))
            span_ = report.shift_of(found, day, shift, seen.now_ns)
            made = report.report_json(figures, seen.asked, found, span_, seen.told, behind.desk)
            history, end_ns = behind.reader.history(), span_.end_ns
            open_then = history.alarms_at(end_ns) if end_ns < seen.now_ns else seen.alarms()
            alarms = report.alarms_json(open_then, rules, found)
            return {**made, "alarms": alarms, "may_tell": may_tell and seen.live}

        return answered("report", as_of_ms, (site, day, shift, may_tell), make)

    def write_note(said: NoteIn) -> Response:
        who = needs(Right.TELL, site_in(behind, said.site))
        of = _shift(behind, said.site, said.day, said.shift)
        try:
            kept = notes.write(behind.desk, who.name, of, said.text)
        except StoreRejected as error:
            raise AskedWrongly(400, str(error), "text", "shorten it") from error
        fresh.told()
        return json_of({"note": {"n": kept.n, "text": kept.text, "who": kept.who, "at_ms": ms(kept.at_ns)}})

    @router.post("/view/report/notes", include_in_schema=False)
    async def note(request: Request) -> Response:
        return await asyncio.to_thread(write_note, body_of(await request.body(), request, NoteIn))

    def sign_shift(said: SignIn) -> Response:
        who = needs(Right.TELL, site_in(behind, said.site))
        of = _shift(behind, said.site, said.day, said.shift)
        seen = look(None)
        site = seen.site(figures, said.site)
        span_ = report.shift_of(site, said.day, said.shift, seen.now_ns)
        made = report.report_json(figures, seen.asked, site, span_, seen.told, behind.desk)
        if not made["over"]:
            raise AskedWrongly(409, "the shift still runs", "shift", "sign when it is over")
        if made["sha256"] != said.sha256:
            raise AskedWrongly(
                409, "the figures have changed since you saw them", "sha256", "look at them again, then sign"
            )
        text = report.canonical(made["rows"], [one["text"] for one in made["notes"]])
        notes.sign(behind.desk, who.name, of, said.sha256, text)
        fresh.told()
        return json_of({"sha256": said.sha256, "who": who.name})

    @router.post("/view/report/sign", include_in_schema=False)
    async def sign(request: Request) -> Response:
        return await asyncio.to_thread(sign_shift, body_of(await request.body(), request, SignIn))

    @router.get("/api/v1/kpi", response_model=KpiAnswer, responses=_ERRORS)
    def kpi(  # noqa: PLR0913  the parameters of the call
        start: Annotated[
            str, Query(alias="from", max_length=64, description="begin, ISO 8601 with offset or epoch ms")
        ] = "",
        end: Annotated[str, Query(alias="to", max_length=64, description="end (not included)")] = "",
        site: Annotated[str, Query(max_length=200, description="a site's id, or * for all")] = EVERY_SITE,
        line: Word = "",
        asset: Annotated[str, Query(max_length=500)] = "",
        by: Annotated[str, Query(max_length=10, description="one of " + ", ".join(BY))] = BY[0],
        convention: Annotated[str, Query(max_length=10, description="MTBF by FE+1 or FE")] = CONVENTIONS[0],
        as_of: Annotated[str, Query(max_length=64, description="answer as it was then; left out: now")] = "",
    ) -> Response:
        """KPIs by ISO 22400-2, with inputs and data coverage; the last day where no range is given."""
        if by not in BY:
            raise AskedWrongly(400, f"{by!r} is no grouping", "by", "one of " + ", ".join(BY))
        # A "+" that the caller did not encode arrives as a blank.
        convention = convention.replace(" ", "+")
        if convention not in CONVENTIONS:
            raise AskedWrongly(400, f"{convention!r} is no convention", "convention", "FE+1 or FE")
        one = "" if site_in(behind, site) == EVERY_SITE else site
        seen = Look(behind, figures, ns_of_text(as_of, "as_of") if as_of else None)
        end_ns = ns_of_text(end, "to") if end else seen.now_ns
        asked = span(ns_of_text(start, "from") if start else end_ns - DAY_NS, end_ns)
        told = answer(
            figures, seen.asked, asked.start_ns, asked.end_ns, site=one, line=line, asset=asset, by=by,
            convention=convention,
        )  # fmt: skip
        told["rows"] = [each for each in told["rows"] if allowed(Right.SEE, each["site"])]
        return json_of(told)

    @router.get("/api/v1/stops", response_model=StopsAnswer, responses=_ERRORS)
    def stops_told(
        start: Annotated[str, Query(alias="from", max_length=64)] = "",
        end: Annotated[str, Query(alias="to", max_length=64)] = "",
        site: Annotated[str, Query(max_length=200)] = EVERY_SITE,
        asset: Annotated[str, Query(max_length=500)] = "",
    ) -> Response:
        """What people told of stops and still counts; the last day where no range is given."""
        now_ns = behind.clock.now_ns()
        end_ns = ns_of_text(end, "to") if end else now_ns
        asked = span(ns_of_text(start, "from") if start else end_ns - DAY_NS, end_ns)
        under = asset or ("" if site_in(behind, site) == EVERY_SITE else site)
        told = stops.told(behind.desk, asked.start_ns, asked.end_ns, under=under)
        return json_of({"stops": [_told(one) for one in told if allowed(Right.SEE, site_of(one.asset))]})

    return router


_ERRORS: dict[int | str, dict[str, Any]] = {code: {"model": ErrorAnswer} for code in (400, 403, 404, 422, 503)}


def _shift(behind: Behind, site: str, day: str, shift: str) -> notes.ShiftOf:
    """The shift that is written about; raises AskedWrongly for one that there is not, or not yet."""
    known = behind.factory.hub.site(site)
    if known is None or not day or not shift:
        raise AskedWrongly(400, "a site, a day and a shift are needed", "body", "see docs/reference/kpi.md")
    span_ = report.shift_of(known, day, shift, behind.clock.now_ns())
    return notes.ShiftOf(site, span_.day, span_.shift)


def _told(one: Told) -> dict[str, Any]:
    return {
        "n": one.n,
        "stop": one.stop,
        "asset": one.asset,
        "from_ms": ms(one.start_ns),
        "to_ms": ms(one.end_ns),
        "code": one.code,
        "note": one.note,
        "who": one.who,
        "given_ms": ms(one.given_ns),
    }
