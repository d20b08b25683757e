"""``/view/line``, ``/view/cell``, ``/view/fleet``: the figures of the pages below a site, each for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query

from connectors.desk.expectations import newest
from dashboards.calls.view import Moment, json_of, site_in
from dashboards.errors import AskedWrongly
from dashboards.marks import Marks
from dashboards.moment import ns_of_ms, view_of
from dashboards.once import Once
from dashboards.received import take_base
from dashboards.summary.cell import cell_cycles, cell_steps
from dashboards.summary.expected import cell_expected
from dashboards.summary.fleet import fleet
from dashboards.summary.line import line_cycles, line_parts, line_states, place_in
from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response

    from dashboards.page import Behind
    from dashboards.view import View
    from twin.site import Place, Site

Id = Annotated[str, Query(max_length=500)]
FRESH_NS = 2 * NS_PER_S
"""So long a live answer serves every browser that asks the same."""


def line_router(behind: Behind) -> APIRouter:  # noqa: C901  one function a call, side by side
    """The calls, on what stands behind the pages."""
    router = APIRouter(prefix="/view", include_in_schema=False, dependencies=[Depends(take_base)])
    marks, once = Marks(), Once()

    def answer(as_of_ms: float | None, what: tuple[str, str], make: Callable[[View], dict[str, Any]]) -> Response:
        view = view_of(behind, None if as_of_ms is None else ns_of_ms(as_of_ms, "as_of_ms"))
        moment = view.clock_ns // FRESH_NS if view.is_live else view.clock_ns
        return json_of(once.get((what, view.is_live, moment), lambda: make(view)))

    def line_in(place: str) -> tuple[Site, Place]:
        found = place_in(behind.factory.hub, place)
        if found is None:
            raise AskedWrongly(404, f"there is no place {place[:200]!r}", "place", "site/area/line of the factory file")
        return found

    @router.get("/line/states")
    def states(place: Id, as_of_ms: Moment = None) -> Response:
        found = line_in(place)
        return answer(as_of_ms, ("states", place), lambda view: line_states(view, *found))

    @router.get("/line/cycles")
    def cycles(place: Id, as_of_ms: Moment = None) -> Response:
        found = line_in(place)
        return answer(as_of_ms, ("cycles", place), lambda view: line_cycles(view, *found))

    @router.get("/line/parts")
    def parts(place: Id, as_of_ms: Moment = None) -> Response:
        found = line_in(place)
        return answer(as_of_ms, ("parts", place), lambda view: line_parts(view, *found, marks))

    @router.get("/cell/cycles")
    def cell_cycles_(asset: Id, as_of_ms: Moment = None) -> Response:
        return answer(as_of_ms, ("cell", asset), lambda view: cell_cycles(view, behind.factory.hub, asset))

    @router.get("/cell/steps")
    def cell_steps_(asset: Id, as_of_ms: Moment = None) -> Response:
        return answer(as_of_ms, ("steps", asset), lambda view: cell_steps(view, asset))

    @router.get("/cell/expected")
    def cell_expected_(asset: Id, as_of_ms: Moment = None) -> Response:
        def make(view: View) -> dict[str, Any]:
            return cell_expected(view, asset, newest(behind.desk, view.clock_ns))

        return answer(as_of_ms, ("expected", asset), make)

    @router.get("/fleet")
    def fleet_(site: Id, as_of_ms: Moment = None) -> Response:
        site = site_in(behind, site)
        robots = frozenset(one.id for one in behind.factory.hub.assets().values() if one.type == "mobile_robot")
        return answer(as_of_ms, ("fleet", site), lambda view: fleet(view, site, robots))

    return router
