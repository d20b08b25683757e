"""``/api/v1``: recordings, bookmarks, and how far what is shown of a time is what happened then."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response  # noqa: TC002  FastAPI reads the annotations

from connectors.desk import recordings as kept
from dashboards.access.auth import needs, person
from dashboards.access.scope import reach
from dashboards.calls.api import From, Site, To  # noqa: TC001  FastAPI reads the annotations
from dashboards.calls.view import json_of, site_in
from dashboards.errors import AskedWrongly
from dashboards.moment import ns_of_text, span
from dashboards.once import Once
from dashboards.status import ms
from dashboards.summary.directory import EVERY_SITE
from twin.clock import NS_PER_S, iso_from_ns
from twin.errors import RecordingError
from twin.fidelity import fidelity
from twin.ids import site_of
from twin.policy import Right
from twin.recording import Mark, Recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from dashboards.page import Behind

    _T = TypeVar("_T")

MAX_FOLD_S = 900.0
"""A longer time is folded by `twin verify`, not while somebody waits for a page."""
SETTLED_NS = 600 * NS_PER_S
"""What ended so long ago is judged once."""
Moment = Annotated[str, Field(max_length=64, description="ISO 8601 with offset, or ms since 1970")]
Name = Annotated[str, Field(max_length=200)]


class RecordModel(BaseModel):
    """A recording to be kept."""

    name: Name
    site: Name
    start: Moment = Field(alias="from")
    end: Moment = Field(alias="to")
    tags: list[Name] = []
    notes: Annotated[str, Field(max_length=4000)] = ""


class RenameModel(BaseModel):
    """A recording's new name."""

    name: Name


class BookmarkModel(BaseModel):
    """A moment, or with ``to`` a range, to be marked."""

    label: Name
    site: Name
    start: Moment = Field(alias="from")
    end: Annotated[str, Field(alias="to", max_length=64)] = ""
    properties: dict[str, bool | float | str] = {}


def recordings_router(behind: Behind) -> APIRouter:  # noqa: C901  one function a call, side by side
    """The calls, on what stands behind the pages."""
    router = APIRouter(prefix="/api/v1")
    judged = Once()

    def sites_of(site: str) -> frozenset[str] | None:
        return reach() if site_in(behind, site) == EVERY_SITE else frozenset({site})

    def found(name: str) -> Recording:
        """The recording of a site of the person who asks."""
        one = _asked(lambda: kept.recording(behind.desk, name), "name")
        if not person().sees(one.site):
            raise AskedWrongly(404, f"there is no recording {name[:200]!r}", "name", "see /api/v1/recordings")
        return one

    @router.get("/recordings")
    def recordings(site: Site = EVERY_SITE) -> Response:
        """Every recording, in order of time."""
        return json_of({"recordings": [_told(one) for one in kept.recordings(behind.desk, sites_of(site))]})

    @router.post("/recordings")
    def record(asked: RecordModel) -> Response:
        """Name an interval of a site's data, and keep its raw data from being let go."""
        who = needs(Right.TELL, _one_site(behind, asked.site)).name
        times = ns_of_text(asked.start, "from"), ns_of_text(asked.end, "to")
        one = Recording(asked.name, asked.site, *times, tuple(asked.tags), asked.notes)
        return json_of(_told(_asked(lambda: kept.keep(behind.desk, who, one), "name")))

    @router.post("/recordings/{name}/rename")
    def rename(name: str, asked: RenameModel) -> Response:
        """Give a recording another name."""
        who = needs(Right.TELL, found(name).site).name
        return json_of(_told(_asked(lambda: kept.rename(behind.desk, who, name, asked.name), "name")))

    @router.delete("/recordings/{name}")
    def remove(name: str) -> Response:
        """Let a recording go: its data stays as long as the retention rules keep it."""
        who = needs(Right.TELL, found(name).site).name
        _asked(lambda: kept.remove(behind.desk, who, name), "name")
        return json_of({"removed": name})

    @router.get("/bookmarks")
    def bookmarks(site: Site = EVERY_SITE) -> Response:
        """Every bookmark and marked range, in order of time."""
        return json_of({"bookmarks": [_told(one) for one in kept.marks(behind.desk, sites_of(site))]})

    @router.post("/bookmarks")
    def bookmark(asked: BookmarkModel) -> Response:
        """Mark a moment, or a range."""
        who = needs(Right.TELL, _one_site(behind, asked.site)).name
        from_ns = ns_of_text(asked.start, "from")
        to_ns = ns_of_text(asked.end, "to") if asked.end else from_ns
        one = Mark("", asked.site, from_ns, to_ns, asked.label, asked.properties)
        return json_of(_told(_asked(lambda: kept.put_mark(behind.desk, who, one), "label")))

    @router.delete("/bookmarks/{mark_id}")
    def unmark(mark_id: str) -> Response:
        """Take a bookmark or a marked range away."""
        one = next((one for one in kept.marks(behind.desk, reach()) if one.id == mark_id), None)
        if one is None:
            raise AskedWrongly(404, f"there is no mark {mark_id[:200]!r}", "mark_id", "see /api/v1/bookmarks")
        who = needs(Right.TELL, one.site).name
        _asked(lambda: kept.take_mark(behind.desk, who, mark_id), "mark_id")
        return json_of({"removed": mark_id})

    @router.get("/fidelity")
    def fidelity_(start: From = "", end: To = "", site: Site = EVERY_SITE) -> Response:
        """How far a time (the last minute unless given) is what happened: what is missing, whether hashes fit."""
        now_ns = behind.clock.now_ns()
        end_ns = min(ns_of_text(end, "to") if end else now_ns + 1, now_ns + 1)
        start_ns = ns_of_text(start, "from") if start else end_ns - 60 * NS_PER_S
        span(start_ns, end_ns, MAX_FOLD_S)
        sites = sites_of(site)
        streams = frozenset(
            stream.id
            for stream in behind.reader.history().streams().values()
            if sites is None or site_of(stream.asset) in sites
        )

        def judge() -> dict[str, Any]:
            one = fidelity(behind.reader.whole(), start_ns, end_ns, streams)
            return {**asdict(one), "from_ms": ms(start_ns), "to_ms": ms(end_ns)}

        settled = end_ns < now_ns - SETTLED_NS
        told = judged.get((site, start_ns, end_ns), judge) if settled else judge()
        return json_of({name: value for name, value in told.items() if not name.endswith("_ns")})

    return router


def _one_site(behind: Behind, site: str) -> str:
    if site_in(behind, site) == EVERY_SITE:
        raise AskedWrongly(400, "it belongs to one site", "site", "see /api/v1/sites")
    return site


def _asked(do: Callable[[], _T], where: str) -> _T:
    try:
        return do()
    except RecordingError as error:
        status = 404 if str(error).startswith("there is no") else 409
        raise AskedWrongly(status, str(error), where, "see /api/v1/recordings") from error


def _told(one: Recording | Mark) -> dict[str, Any]:
    """With times as other calls tell them, and exactly."""
    row = asdict(one)
    times = {name.removesuffix("_ns"): row.pop(name) for name in ("from_ns", "to_ns", "when_ns")}
    exact = {name: iso_from_ns(t_ns, 9) for name, t_ns in times.items()}
    return {**row, **exact, **{f"{name}_ms": ms(t_ns) for name, t_ns in times.items()}}
