"""``/view/whatif``: what-ifs of the page, started, followed, looked at and ended."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from starlette.requests import Request  # noqa: TC002  FastAPI reads the annotations
from starlette.responses import Response

from dashboards.access.auth import needs
from dashboards.calls.view import json_of, site_in
from dashboards.errors import AskedWrongly, json_body
from dashboards.summary.directory import EVERY_SITE
from dashboards.whatif_runs import MOST_RUNNING, Question, Runs
from twin.errors import ScenarioError
from twin.policy import Right
from twin.whatif.change import Change

if TYPE_CHECKING:
    from dashboards.page import Behind
    from dashboards.whatif_runs import Run

MAX_CHANGES = 20
MAX_LEVERS = 60
LEVER = re.compile(r"[^,=\s-][^,=\s]{0,199}")
"""One setting to step; a comma would make two of it, and a dash at its head an option."""
MAX_REPLICATIONS = 1000
MAX_HOURS = 72.0


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """A what-if as the page asks for it; ``at_ms`` None is the newest moment that is recorded.

    ``sensitivity`` are settings to step one at a time, instead of ``changes``; the runs are bounded by a budget.
    """

    site: str
    changes: list[str]
    at_ms: float | None = None
    hours: float = 8.0
    replications: int = 100
    seed: int = 1
    history_hours: float = 12.0
    sensitivity: list[str] = []


def whatif_router(behind: Behind) -> APIRouter:
    """The calls, on what stands behind the pages."""
    router = APIRouter(prefix="/view", include_in_schema=False)
    arguments = ["--factory", str(behind.file)] if behind.file is not None else []
    runs = Runs(arguments, {"TWIN__STORE__URL": behind.factory.store.url}, behind.clock)

    @router.get("/whatif")
    def listed(site: Annotated[str, Query(max_length=200)]) -> Response:
        mine = _one_site(behind, site)
        needs(Right.SIMULATE, mine)
        return json_of({"runs": [one.told(whole=False) for one in runs.of(mine)]})

    @router.get("/whatif/{run_id}")
    def one(run_id: str) -> Response:
        return json_of(found(run_id).told(whole=True))

    @router.post("/whatif")
    async def begin(request: Request) -> Response:
        asked = json_body(await request.body(), Asked)
        return await asyncio.to_thread(start, asked)

    def start(asked: Asked) -> Response:
        who = needs(Right.SIMULATE, _one_site(behind, asked.site))
        run = runs.start(who.name, _checked(asked))
        if run is None:
            raise AskedWrongly(409, f"{MOST_RUNNING} what-ifs run already", "site", "wait for one, or cancel it")
        return json_of(run.told(whole=False))

    @router.delete("/whatif/{run_id}")
    def end(run_id: str) -> Response:
        runs.end(found(run_id))
        return Response(status_code=204)

    def found(run_id: str) -> Run:
        run = runs.get(run_id[:64])
        if run is None:
            raise AskedWrongly(404, "there is no such what-if, or it has expired", "run_id", "start it again")
        needs(Right.SIMULATE, run.asked.site)
        return run

    return router


def _one_site(behind: Behind, site: str) -> str:
    known = site_in(behind, site)
    if known == EVERY_SITE:
        raise AskedWrongly(400, "a what-if is of one site", "site", "name one")
    return known


def _checked(asked: Asked) -> Question:
    bounds: list[tuple[str, Any, Any, Any]] = [
        ("hours", asked.hours, 0.25, MAX_HOURS),
        ("replications", asked.replications, 2, MAX_REPLICATIONS),
        ("history_hours", asked.history_hours, 0.5, 24 * 90),
        ("seed", asked.seed, 0, 1 << 40),
        ("at_ms", asked.at_ms or 0, 0, 1e14),
    ]
    for name, value, low, high in bounds:
        if not low <= value <= high:
            raise AskedWrongly(400, f"{value:g} is not from {low:g} to {high:g}", name, "write a number between")
    if len(asked.changes) > MAX_CHANGES:
        raise AskedWrongly(400, f"{len(asked.changes)} changes", "changes", f"at most {MAX_CHANGES}")
    for one in asked.changes:
        try:
            Change.parse(one[:300])
        except ScenarioError as error:
            raise AskedWrongly(400, str(error), "changes", "KEY=VALUE") from error
    if asked.sensitivity and asked.changes:
        raise AskedWrongly(400, "settings are stepped one at a time", "sensitivity", "leave changes out")
    if len(asked.sensitivity) > MAX_LEVERS or not all(LEVER.fullmatch(one) for one in asked.sensitivity):
        raise AskedWrongly(400, "no such settings", "sensitivity", f"at most {MAX_LEVERS} of R-101.cycle, cycle, all …")
    changes = tuple(one[:300] for one in asked.changes)
    return Question(
        asked.site, asked.at_ms, asked.hours, asked.replications, changes, asked.seed, asked.history_hours,
        tuple(asked.sensitivity),
    )  # fmt: skip
