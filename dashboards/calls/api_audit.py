"""``/api/v1/audit``: the audit trail for other programs, one row a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from connectors.desk.proof import told
from dashboards.access.auth import exporting, needs
from dashboards.calls.api import From, To  # noqa: TC001  FastAPI reads the annotations
from dashboards.moment import ns_of_text
from twin.policy import Right

if TYPE_CHECKING:
    from dashboards.page import Behind

MOST = 100_000


def audit_router(behind: Behind) -> APIRouter:
    """The one call."""
    router = APIRouter(prefix="/api/v1")

    @router.get("/audit", response_class=Response)
    def audit(start: From = "", end: To = "") -> Response:
        """What people did, oldest first, as JSON lines; the newest 100,000 rows of the time. For administrators."""
        needs(Right.ADMINISTER)
        start_ns = ns_of_text(start, "from") if start else 0
        end_ns = ns_of_text(end, "to") if end else 1 << 62
        exporting(behind.desk, "audit", detail={"from": start, "to": end})
        rows = list(told(behind.desk, start_ns, end_ns))[-MOST:]
        body = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
        return Response(
            body,
            media_type="application/x-ndjson",
            headers={"content-disposition": 'attachment; filename="audit.jsonl"'},
        )

    return router
