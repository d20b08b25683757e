"""``/view/hub`` for the page and ``/api/v1/hub`` for programs: the hub's ledger at a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.responses import Response  # noqa: TC002  FastAPI reads the annotations

from connectors.desk import comparisons, exports
from connectors.desk import episodes as book
from connectors.desk.proof import last_head
from dashboards.access.scope import reach
from dashboards.calls.api import AsOf  # noqa: TC001  FastAPI reads the annotations
from dashboards.calls.api_models import HubAnswer
from dashboards.calls.view import Moment, json_of
from dashboards.moment import ns_of_ms, ns_of_text, view_of
from dashboards.once import Once
from dashboards.status import ms
from dashboards.summary.hub import hub_ledger
from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from dashboards.page import Behind

FRESH_NS = 30 * NS_PER_S
"""So long a live answer serves every browser: hours of data do not change by the second."""


def hub_router(behind: Behind) -> APIRouter:
    """The calls, on what stands behind the pages."""
    router = APIRouter()
    once = Once()

    def answer(as_of_ns: int | None) -> Response:
        view = view_of(behind, as_of_ns)
        until_ns = None if view.is_live else view.clock_ns

        def make() -> dict[str, Any]:
            counts = behind.reader.history().by_stream()
            known = book.episodes(behind.desk, as_of_ns=until_ns)
            out = exports.exports(behind.desk, until_ns)
            compared = comparisons.newest(behind.desk, reach(), until_ns)
            told = None if compared is None else {"at_ms": ms(compared.at_ns), **compared.told}
            return {**hub_ledger(view, counts, behind.factory.hub, known, out), "comparison": told}

        if not view.is_live:
            return json_of(once.get((False, view.clock_ns, None), make))
        head = last_head(behind.desk)  # what people do shows at once
        return json_of(once.get((True, view.clock_ns // FRESH_NS, head), make))

    @router.get("/view/hub", include_in_schema=False)
    def hub_(as_of_ms: Moment = None) -> Response:
        return answer(None if as_of_ms is None else ns_of_ms(as_of_ms, "as_of_ms"))

    @router.get("/api/v1/hub", response_model=HubAnswer)
    def api_hub(as_of: AsOf = "") -> Response:
        """Hours recorded, usable, labelled and handed on: by site, robot, task and week."""
        return answer(ns_of_text(as_of, "as_of") if as_of else None)

    return router
