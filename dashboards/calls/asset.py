"""``/view/asset/*``: an asset's faceplate beside its signals, and what people write there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Query
from starlette.requests import Request  # noqa: TC002  FastAPI reads the annotations
from starlette.responses import Response

from connectors.desk import papers, remarks, upkeep
from dashboards.access.auth import allowed, needs
from dashboards.calls.view import Moment, json_of, site_in
from dashboards.errors import AskedWrongly, json_body
from dashboards.moment import ns_of_ms, view_of
from dashboards.once import Once
from dashboards.summary.faceplate import book_json, paper_json, upkeeps_json
from twin.clock import NS_PER_S
from twin.errors import DrawingError, StoreRejected
from twin.ids import site_of
from twin.policy import Right
from twin.site import Name, Site
from twin.upkeep import Counts  # noqa: TC001  msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.figures import Figures
    from dashboards.page import Behind

Id = Annotated[str, Query(max_length=500)]
LIVE_EVERY_NS = 30 * NS_PER_S
"""Counters of upkeeps are made anew so often; what people write makes them anew at once."""
PAPER_POLICY = "default-src 'none'; sandbox"


class RemarkIn(msgspec.Struct, forbid_unknown_fields=True):
    """A remark."""

    asset: str
    text: str


class UpkeepIn(msgspec.Struct, forbid_unknown_fields=True):
    """A upkeep that an asset needs; ``counts`` is one of `Counts`."""

    asset: str
    name: str
    counts: Counts
    every: float


class DoneIn(msgspec.Struct, forbid_unknown_fields=True):
    """That a upkeep was done now."""

    note: str = ""


def asset_router(behind: Behind, figures: Figures) -> APIRouter:  # noqa: C901, PLR0915  one function a call, side by side
    """The calls, on what stands behind the pages; ``figures`` are those that the other pages read by, too."""
    router = APIRouter(prefix="/view/asset", include_in_schema=False)
    once, told_times = Once(), [0]

    def known(asset: str) -> str:
        """The id of an asset that is declared or heard of; raises AskedWrongly for another one."""
        site_in(behind, site_of(asset))
        if behind.asset(asset) is None and not any(one.asset == asset for one in behind.live.streams.values()):
            raise AskedWrongly(404, f"there is no asset {asset[:200]!r}", "asset", "see /api/v1/assets")
        return asset

    async def written(make: Callable[[], Any]) -> Any:
        """What is written on a thread of its own; raises AskedWrongly for what the desk refuses."""
        try:
            made = await asyncio.to_thread(make)
        except StoreRejected as error:
            raise AskedWrongly(400, str(error), "body") from error
        told_times[0] += 1
        return made

    @router.get("/book")
    def book(asset: Id, as_of_ms: Moment = None) -> Response:
        as_of_ns = None if as_of_ms is None else ns_of_ms(as_of_ms, "as_of_ms")
        may = as_of_ns is None and allowed(Right.TELL, site_of(known(asset)))
        return json_of({**book_json(behind.desk, asset, as_of_ns), "may_tell": may})

    @router.post("/remarks")
    async def remark(request: Request) -> Response:
        asked = json_body(await request.body(), RemarkIn)
        who = needs(Right.TELL, site_of(known(asked.asset))).name
        made = await written(lambda: remarks.say(behind.desk, who, asked.asset, asked.text))
        return json_of({"n": made.n})

    @router.post("/papers")
    async def add(request: Request, asset: Id, name: Annotated[str, Query(max_length=500)]) -> Response:
        who = needs(Right.TELL, site_of(known(asset))).name
        body = await request.body()
        try:
            made = await written(lambda: papers.add(behind.desk, who, asset, name, body))
        except DrawingError as error:
            raise AskedWrongly(400, error.problem, "body", error.do) from error
        return json_of(paper_json(made))

    @router.get("/papers/{n}")
    def paper(n: int) -> Response:
        found = papers.find(behind.desk, n)
        if found is None or not allowed(Right.SEE, site_of(found.asset)):
            raise AskedWrongly(404, f"there is no document {n}", "n", "see /view/asset/book")
        way = "attachment" if found.kind == "pdf" else "inline"
        headers = {
            "content-security-policy": PAPER_POLICY,
            "content-disposition": f"{way}; filename*=UTF-8''{quote(found.name)}",
        }
        return Response(papers.body_of(behind.desk, found), media_type=papers.MEDIA[found.kind], headers=headers)

    @router.delete("/papers/{n}")
    async def take_away(n: int) -> Response:
        found = await asyncio.to_thread(papers.find, behind.desk, n)
        if found is None or not allowed(Right.SEE, site_of(found.asset)):
            raise AskedWrongly(404, f"there is no document {n}", "n", "see /view/asset/book")
        who = needs(Right.TELL, site_of(found.asset)).name
        await written(lambda: papers.take_away(behind.desk, who, n))
        return json_of({"n": n})

    @router.get("/upkeep")
    def upkeeps(asset: Id, as_of_ms: Moment = None) -> Response:
        as_of_ns = None if as_of_ms is None else ns_of_ms(as_of_ms, "as_of_ms")
        site = site_named(known(asset))

        def make() -> list[dict[str, Any]]:
            view = view_of(behind, as_of_ns)
            asked = figures.look(behind.reader.history(), view.clock_ns)
            return upkeeps_json(behind.desk, figures, asked, site, asset, as_of_ns)

        moment = behind.clock.now_ns() // LIVE_EVERY_NS if as_of_ns is None else ("past", as_of_ns)
        rows = once.get((asset, moment, told_times[0]), make)
        live = as_of_ns is None
        return json_of(
            {
                "upkeeps": rows,
                "may_tell": live and allowed(Right.TELL, site.id),
                "may_configure": live and allowed(Right.CONFIGURE, site.id),
            }
        )

    @router.post("/upkeep")
    async def need(request: Request) -> Response:
        asked = json_body(await request.body(), UpkeepIn)
        who = needs(Right.CONFIGURE, site_of(known(asked.asset))).name
        made = await written(lambda: upkeep.need(behind.desk, who, asked.asset, asked.name, asked.counts, asked.every))
        return json_of({"n": made.n})

    def asset_of(n: int) -> str:
        """The asset of a upkeep at a site that the person sees."""
        found = upkeep.find(behind.desk, n)
        if found is None or not allowed(Right.SEE, site_of(found.asset)):
            raise AskedWrongly(404, f"there is no upkeep {n}", "n", "see /view/asset/upkeep")
        return found.asset

    @router.post("/upkeep/{n}/done")
    async def done(n: int, request: Request) -> Response:
        asked = json_body(await request.body(), DoneIn)
        who = needs(Right.TELL, site_of(await asyncio.to_thread(asset_of, n))).name
        await written(lambda: upkeep.do(behind.desk, who, n, asked.note))
        return json_of({"n": n})

    @router.delete("/upkeep/{n}")
    async def end(n: int) -> Response:
        who = needs(Right.CONFIGURE, site_of(await asyncio.to_thread(asset_of, n))).name
        await written(lambda: upkeep.end(behind.desk, who, n))
        return json_of({"n": n})

    def site_named(asset: str) -> Site:
        site = site_of(asset)
        return behind.factory.hub.site(site) or Site(site, Name(site, site), Name("", ""), "UTC", (0.0, 0.0))

    return router
