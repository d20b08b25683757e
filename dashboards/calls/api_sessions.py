"""``/api/v1/sessions``: the open pages, who looks at which moment; and sending a replay back to the present."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.responses import Response

from dashboards.access.auth import needs, person
from dashboards.calls.api_models import ErrorAnswer, SessionModel
from dashboards.calls.view import json_of
from dashboards.errors import AskedWrongly
from twin.policy import Right

if TYPE_CHECKING:
    from dashboards.page import Behind

ERRORS: dict[int | str, dict[str, Any]] = {404: {"model": ErrorAnswer}}


def sessions_router(behind: Behind) -> APIRouter:
    """The two calls."""
    router = APIRouter(prefix="/api/v1")
    viewings = behind.live.viewings

    @router.get("/sessions", response_model=list[SessionModel])
    async def sessions() -> Response:
        """Open pages, live and in replays, of the sites that one sees. For engineers."""
        who = person()
        return json_of(viewings.told(viewings.seen_by(who), who))

    @router.delete("/sessions/{session_id}", status_code=204, responses=ERRORS)
    async def end(session_id: str) -> Response:
        """Send a replay back to the present: one's own, or any by an administrator."""
        who = person()
        found = viewings.find(session_id[:64])
        if found is None or found not in viewings.seen_by(who):
            raise AskedWrongly(404, "there is no such session", "session_id", "GET /api/v1/sessions lists them")
        if found.person.name != who.name:
            needs(Right.ADMINISTER)
        viewings.end(found)
        return Response(status_code=204)

    return router
