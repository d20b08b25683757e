"""``/view/datasets`` and ``/api/v1/datasets``: the catalogue of what this hub made and what it took in from others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.responses import Response  # noqa: TC002  FastAPI reads the annotations

from connectors.desk import datasets as catalogue_of
from dashboards.access.scope import reach
from dashboards.calls.api import AsOf  # noqa: TC001  FastAPI reads the annotations
from dashboards.calls.api_models import DatasetsAnswer
from dashboards.calls.view import Moment, json_of
from dashboards.moment import ns_of_ms, ns_of_text
from dashboards.summary.catalogue import catalogue

if TYPE_CHECKING:
    from dashboards.page import Behind


def datasets_router(behind: Behind) -> APIRouter:
    """The calls, on what stands behind the pages."""
    router = APIRouter()

    def answer(as_of_ns: int | None) -> Response:
        now_ns = behind.clock.now_ns()
        until_ns = None if as_of_ns is None or as_of_ns >= now_ns else as_of_ns
        listed = catalogue_of.entries(behind.desk, until_ns)
        return json_of(catalogue(listed, reach(), now_ns if until_ns is None else until_ns))

    @router.get("/view/datasets", include_in_schema=False)
    def datasets(as_of_ms: Moment = None) -> Response:
        return answer(None if as_of_ms is None else ns_of_ms(as_of_ms, "as_of_ms"))

    @router.get("/api/v1/datasets", response_model=DatasetsAnswer)
    def api_datasets(as_of: AsOf = "") -> Response:
        """Every dataset that was made or imported: version, changes, hours, licence, origin, lineage, last check."""
        return answer(ns_of_text(as_of, "as_of") if as_of else None)

    return router
