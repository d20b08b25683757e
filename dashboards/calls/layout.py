"""``/view/layout`` and ``/view/drawing``: where people put assets on a site's floor plan, and what lies under it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from starlette.requests import Request  # noqa: TC002  FastAPI reads the annotations
from starlette.responses import Response

from connectors.desk import layouts
from connectors.desk.drawing import checked
from dashboards.access.auth import needs
from dashboards.calls.view import json_of
from dashboards.errors import AskedWrongly, json_body
from dashboards.status import ms
from twin.errors import DrawingError, StoreError
from twin.layout import Layout, differing, moves, problem_of
from twin.policy import Right
from twin.site import Pose

if TYPE_CHECKING:
    from dashboards.page import Behind
    from twin.site import Site

log = logging.getLogger(__name__)
LOOK_S = 5.0
"""How often a web process looks whether another one kept a layout."""
MAX_NOTE = 200
SHOWN = 30
DRAWING_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

SiteId = Annotated[str, Query(max_length=64)]


class AskedLayout(msgspec.Struct, forbid_unknown_fields=True):
    """A layout as the page sends it: x and y in metres and the heading in radians of each asset that was placed."""

    site: str
    before: int
    placed: dict[str, tuple[float, float, float]]
    drawing: str = ""
    note: str = ""


class AskedRestore(msgspec.Struct, forbid_unknown_fields=True):
    """Which version is to be brought back, and which one was in force when that was decided."""

    site: str
    before: int
    n: int


async def watch(behind: Behind) -> None:
    """Keep the hub's layouts those of the desk, until cancelled."""
    while True:
        with contextlib.suppress(StoreError):
            behind.live.lay(await asyncio.to_thread(layouts.heads, behind.desk))
        await asyncio.sleep(LOOK_S)


def layout_router(behind: Behind) -> APIRouter:  # noqa: C901  one function a call, side by side
    """The calls, on what stands behind the pages."""
    router = APIRouter(prefix="/view", include_in_schema=False)

    @router.get("/layout")
    def layout(site: SiteId) -> Response:
        needs(Right.SEE, site)
        return json_of(_told(behind, _site(behind, site)))

    @router.post("/layout")
    async def keep(request: Request) -> Response:
        asked = json_body(await request.body(), AskedLayout)
        return await settled(await asyncio.to_thread(save, asked))

    @router.post("/layout/restore")
    async def restore(request: Request) -> Response:
        asked = json_body(await request.body(), AskedRestore)
        return await settled(await asyncio.to_thread(bring_back, asked))

    @router.post("/drawing")
    async def upload(request: Request, site: SiteId) -> Response:
        who = needs(Right.LAYOUT, _site(behind, site).id).name
        body = await request.body()
        try:
            found = await asyncio.to_thread(checked, body)
        except DrawingError as error:
            raise AskedWrongly(400, error.problem, "drawing", error.do) from error
        await asyncio.to_thread(layouts.keep_drawing, behind.desk, who, site, found)
        about = {"width": found.width, "height": found.height, "left_out": found.left_out}
        return json_of({"sha256": found.sha256, "kind": found.kind, **about})

    @router.get("/drawing/{sha256}")
    def drawing(sha256: str) -> Response:
        kept = layouts.find_drawing(behind.desk, sha256[:64])
        if kept is None:
            raise AskedWrongly(404, "there is no such drawing", "sha256", "see /view/layout")
        site, found = kept
        needs(Right.SEE, site)
        headers = {"content-security-policy": DRAWING_POLICY, "content-disposition": "inline"}
        return Response(found.body, media_type=found.media_type, headers=headers)

    async def settled(site: Site) -> Response:
        """What is kept now; the hub, which only the event loop touches, has it at once."""
        behind.live.lay(await asyncio.to_thread(layouts.heads, behind.desk))
        return json_of(await asyncio.to_thread(_told, behind, site))

    def save(asked: AskedLayout) -> Site:
        site = _site(behind, asked.site)
        who = needs(Right.LAYOUT, site.id).name
        if len(asked.note) > MAX_NOTE:
            raise AskedWrongly(400, "the note is too long", "note", f"{MAX_NOTE} characters at most")
        poses = {asset: Pose(x_m, y_m, 0.0, yaw_rad) for asset, (x_m, y_m, yaw_rad) in asked.placed.items()}
        for asset, pose in poses.items():
            if problem := problem_of(site, asset, pose):
                raise AskedWrongly(400, problem, "placed", "see /view/layout")
        if asked.drawing:
            kept = layouts.find_drawing(behind.desk, asked.drawing)
            if kept is None or kept[0] != site.id:
                raise AskedWrongly(404, "there is no such drawing of this site", "drawing", "upload it first")
        made = Layout(
            site.id, asked.before, note=asked.note.strip(), placed=differing(site, poses), drawing=asked.drawing
        )
        return _keep(behind, who, site, made)

    def bring_back(asked: AskedRestore) -> Site:
        site = _site(behind, asked.site)
        who = needs(Right.LAYOUT, site.id).name
        old = layouts.version(behind.desk, site.id, asked.n) if asked.n else Layout(site.id)
        if old is None:
            raise AskedWrongly(404, f"there is no version {asked.n}", "n", "see /view/layout")
        made = Layout(site.id, asked.before, placed=old.placed, drawing=old.drawing, restored=asked.n)
        return _keep(behind, who, site, made)

    return router


def _keep(behind: Behind, who: str, site: Site, made: Layout) -> Site:
    before = (layouts.version(behind.desk, site.id, made.n) if made.n else None) or Layout(site.id)
    if layouts.save(behind.desk, who, made, moves(site.assets, before, made)) is None:
        raise AskedWrongly(409, "somebody else kept another layout meanwhile", "before", "load the page again")
    return site


def _site(behind: Behind, site: str) -> Site:
    """The site as the factory file has it: what layouts are laid over."""
    found = behind.factory.hub.site(site)
    if found is None:
        raise AskedWrongly(404, f"there is no site {site[:64]!r}", "site", "see /api/v1/sites")
    return found


def _told(behind: Behind, site: Site) -> dict[str, Any]:
    kept = layouts.versions(behind.desk, site.id, SHOWN)
    befores = [*kept[1:], Layout(site.id)]
    head = kept[0] if kept else Layout(site.id)
    return {
        "site": site.id,
        "n": head.n,
        "drawing": head.drawing,
        "from_file": {one.id: _pose(one.pose) for one in site.assets},
        "placed": {asset: _pose(pose) for asset, pose in head.placed.items()},
        "versions": [
            {
                "n": one.n,
                "at_ms": ms(one.at_ns),
                "who": one.who,
                "note": one.note,
                "restored": one.restored,
                "drawing": one.drawing,
                "moved": [move.asset for move in moves(site.assets, before, one)],
            }
            for one, before in zip(kept, befores, strict=False)
        ],
    }


def _pose(pose: Pose) -> list[float]:
    return [pose.x_m, pose.y_m, pose.yaw_rad]
