"""``/view/pens``, ``/view/meanwhile`` and the exports of the Trends page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from starlette.requests import Request  # noqa: TC002  FastAPI reads the annotations
from starlette.responses import Response, StreamingResponse

from connectors.desk import pens
from connectors.desk.pens import PenGroup
from dashboards.access.auth import allowed, needs, person
from dashboards.calls.view import json_of, signal_in
from dashboards.errors import AskedWrongly, json_body
from dashboards.moment import MAX_POINTS, ns_of_ms, span, view_of
from dashboards.summary import trend
from dashboards.table import Pen, csv_lines
from twin.clock import iso_from_ns
from twin.errors import IdError
from twin.ids import site_of, split_signal_id
from twin.policy import Right

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboards.moment import Range
    from dashboards.page import Behind
    from dashboards.view import View

MAX_PENS = 12
MAX_NAME = 80

Pens = Annotated[list[str], Query(alias="pen", min_length=1, max_length=MAX_PENS, description="site/line/asset:signal")]
Ms = Annotated[float, Query(description="ms since 1970")]
Moment = Annotated[float | None, Query(description="ms since 1970; left out: now")]


class AskedGroup(msgspec.Struct, forbid_unknown_fields=True):
    """A group of pens as the page sends it; ``id`` is "" for a new one."""

    name_ko: str
    name_en: str
    pens: list[str]
    span_s: float
    shift_s: float = 0.0
    shared: bool = False
    id: str = ""


class AskedPicture(msgspec.Struct, forbid_unknown_fields=True):
    """What a picture shows that the browser is about to save."""

    pens: list[str]
    from_ms: float
    to_ms: float


def trend_router(behind: Behind) -> APIRouter:  # noqa: C901  one function a call, side by side
    """The calls, on what stands behind the pages."""
    router = APIRouter(prefix="/view", include_in_schema=False)

    def view(as_of_ms: float | None) -> View:
        return view_of(behind, None if as_of_ms is None else ns_of_ms(as_of_ms, "as_of_ms"))

    @router.get("/meanwhile")
    def meanwhile(
        asset: Annotated[list[str], Query(min_length=1, max_length=MAX_PENS)],
        from_ms: Ms,
        to_ms: Ms,
        as_of_ms: Moment = None,
    ) -> Response:
        for one in asset:
            needs(Right.SEE, site_of(one))
        asked = span(ns_of_ms(from_ms, "from_ms"), ns_of_ms(to_ms, "to_ms"))
        return json_of(trend.meanwhile(view(as_of_ms), set(asset), asked.start_ns, asked.end_ns))

    @router.get("/pens")
    def kept() -> Response:
        mine = person().name
        return json_of({"groups": [_told(one, mine) for one in pens.groups(behind.desk, mine) if _sees(one.pens)]})

    @router.post("/pens")
    async def keep(request: Request) -> Response:
        asked = json_body(await request.body(), AskedGroup)
        return await asyncio.to_thread(keep_group, _checked(asked))

    def keep_group(group: PenGroup) -> Response:
        who = needs(Right.TELL, _one_site(group.pens)).name
        saved = pens.save(behind.desk, who, group)
        if saved is None and group.id:
            raise AskedWrongly(404, "there is no such group of yours", "id", "save it as a new one")
        if saved is None:
            raise AskedWrongly(409, f"you keep {pens.MAX_GROUPS} groups already", "id", "remove one first")
        return json_of(_told(saved, who))

    @router.delete("/pens/{group_id}")
    def forget(group_id: str) -> Response:
        who = needs(Right.SEE).name
        if not pens.remove(behind.desk, who, group_id[:64], of_others=allowed(Right.ADMINISTER)):
            raise AskedWrongly(404, "there is no such group of yours", "id", "only its owner removes a group")
        return Response(status_code=204)

    @router.get("/trend.csv")
    def table(
        pen: Pens,
        from_ms: Ms,
        to_ms: Ms,
        max_points: Annotated[int | None, Query(ge=1, le=MAX_POINTS, description="left out: every sample")] = None,
        as_of_ms: Moment = None,
    ) -> Response:
        asked = span(ns_of_ms(from_ms, "from_ms"), ns_of_ms(to_ms, "to_ms"))
        seen = view(as_of_ms)
        found = [_pen(seen, one) for one in pen]
        _note(behind, "csv", pen, asked)
        name = f"trend-{iso_from_ns(asked.start_ns)[:19].replace(':', '')}.csv"
        return StreamingResponse(
            csv_lines(seen, found, asked, max_points),
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    @router.post("/trend.png")
    async def picture(request: Request) -> Response:
        asked = json_body(await request.body(), AskedPicture)
        return await asyncio.to_thread(note_picture, asked)

    def note_picture(asked: AskedPicture) -> Response:
        shown = span(ns_of_ms(asked.from_ms, "from_ms"), ns_of_ms(asked.to_ms, "to_ms"))
        seen = view(None)
        for one in _some(asked.pens):
            _pen(seen, one)
        _note(behind, "png", asked.pens, shown)
        return Response(status_code=204)

    return router


def _some(asked: list[str]) -> list[str]:
    if not 1 <= len(asked) <= MAX_PENS:
        raise AskedWrongly(400, f"{len(asked)} pens", "pens", f"1 to {MAX_PENS} of them")
    return asked


def _pen(view: View, signal: str) -> Pen:
    stream, name = signal_in(view, signal)
    needs(Right.SEE, site_of(stream.asset))
    column = next(one for one in stream.signals if one.name == name)
    if column.kind.is_text:
        raise AskedWrongly(400, f"{signal[:200]} is a text", "pen", "only numbers can be drawn")
    return Pen(signal, stream, name, column.unit)


def _note(behind: Behind, kind: str, signals: list[str], asked: Range) -> None:
    """Refuse who may not export, and put the export on the trail before the first byte leaves."""
    for site in {site_of(one) for one in signals}:
        needs(Right.EXPORT, site)
    when = {"from": iso_from_ns(asked.start_ns), "to": iso_from_ns(asked.end_ns)}
    behind.desk.note(person().name, "export", f"trend.{kind}", {"pens": signals, **when})


def _checked(asked: AskedGroup) -> PenGroup:
    ko, en = asked.name_ko.strip(), asked.name_en.strip()
    if not (ko or en) or max(len(ko), len(en)) > MAX_NAME:
        raise AskedWrongly(400, "a group needs a name", "name", f"1 to {MAX_NAME} characters, in Korean or English")
    for one in _some(asked.pens):
        try:
            split_signal_id(one)
        except IdError as error:
            raise AskedWrongly(400, str(error), "pens", "site/line/asset:signal") from error
    span(0, round(max(0.0, min(asked.span_s, 1e9)) * 1e9))
    span(0, round(max(0.0, min(asked.shift_s, 1e9)) * 1e9))
    shared, wanted = asked.shared, tuple(dict.fromkeys(asked.pens))
    return PenGroup(asked.id, "", ko or en, en or ko, shared, wanted, asked.span_s, asked.shift_s)


def _one_site(signals: Iterable[str]) -> str:
    """The site that all of them are of; "" where they are of several."""
    sites = {site_of(one) for one in signals}
    return sites.pop() if len(sites) == 1 else ""


def _sees(signals: Iterable[str]) -> bool:
    return all(allowed(Right.SEE, site_of(one)) for one in signals)


def _told(group: PenGroup, mine: str) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": {"ko": group.name_ko, "en": group.name_en},
        "owner": group.owner,
        "mine": group.owner == mine or allowed(Right.ADMINISTER),
        "shared": group.shared,
        "pens": group.pens,
        "span_s": group.span_s,
        "shift_s": group.shift_s,
    }
