"""``/api/v1/models``: anomaly models for other programs: how they stand, how they were judged, and their files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import Response

from connectors.models.book import Book
from connectors.models.files import ABOUT
from dashboards.access.auth import needs
from dashboards.calls.api import ERRORS, AsOf, Asset, Limit, Site
from dashboards.calls.api_models import ErrorAnswer
from dashboards.calls.models import is_seen, shelf_of
from dashboards.calls.view import json_of, site_in
from dashboards.errors import AskedWrongly
from dashboards.moment import ns_of_text
from dashboards.status import ms
from dashboards.summary.directory import EVERY_SITE
from twin.clock import NS_PER_S
from twin.errors import ModelError
from twin.ids import site_of
from twin.policy import Right

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.models.book import Entry
    from dashboards.page import Behind

MAX_NAME = 64
JSON = "application/json"
ONNX = "application/octet-stream"
FILE: dict[int | str, dict[str, Any]] = {
    **ERRORS,
    200: {"content": {ONNX: {}, JSON: {}}, "description": "The file, as it was trained."},
    403: {"model": ErrorAnswer},
    409: {"model": ErrorAnswer},
}


class JudgedModel(BaseModel):
    """One detector against a known truth; ratios 0…1, null where they mean nothing.

    ``name``: t2, q, t2_or_q, alarm, forest, or always: whoever calls every window anomalous. ``far``: false
    alarms among good windows; ``mar``: misses among anomalous ones.
    """

    name: str
    far: float | None
    mar: float | None
    precision: float | None
    f1: float | None
    auroc: float | None
    auprc: float | None


class FoundModel(BaseModel):
    """A kind of fault: how often it was, could be scored, was alarmed of, after how long, and what was blamed."""

    kind: str
    count: int
    seen: int
    alarmed: int
    delay_s: float | None
    blamed: str | None


class ReportModel(BaseModel):
    """The last evaluation; ``windows`` were judged, ``anomalous`` is their share that truly were.

    What lies up to ``aftermath_s`` after a fault counts neither way; ``far_with_aftermath`` is the alarm's
    where it does.
    """

    evaluated_ms: float
    from_ms: float
    to_ms: float
    step_s: float
    aftermath_s: float
    windows: int
    anomalous: float
    far_with_aftermath: float | None
    rows: list[JudgedModel]
    faults: list[FoundModel]


class VersionModel(BaseModel):
    """A version of a model. ``state``: trained, active or retired; ``sha256`` is of its ``model.json``.

    ``wrong`` says why its files cannot be used, "" where they can; ``files`` are SHA-256 by name, as they were trained.
    """

    name: str
    version: int
    asset: str
    state: str
    regime: str | None
    signals: list[str]
    window_s: float | None
    budget: float | None
    trained_ms: float
    trained_by: str
    changed_ms: float
    changed_by: str
    sha256: str
    wrong: str
    files: dict[str, str]
    report: ReportModel | None


class VersionsAnswer(BaseModel):
    """Versions in order of name and number."""

    as_of_ms: float
    models: list[VersionModel]


class ModelAnswer(VersionModel):
    """A version with everything that its ``model.json`` tells; null where that cannot be read."""

    about: dict[str, Any] | None


def anomaly_router(behind: Behind) -> APIRouter:
    """The calls, on what stands behind the pages."""
    router = APIRouter(prefix="/api/v1", responses=ERRORS)

    def found(name: str, version: int) -> tuple[Book, Entry]:
        """A version of an asset that the person sees, the newest where none is named."""
        book = Book(shelf_of(behind), behind.desk)
        mine = [
            one
            for one in book.entries()
            if one.standing.name == name
            and version in (0, one.standing.version)
            and is_seen(behind, one.standing.asset, EVERY_SITE)
        ]
        if not mine:
            which = f"version {version} of {name[:MAX_NAME]!r}" if version else f"model {name[:MAX_NAME]!r}"
            raise AskedWrongly(404, f"there is no {which}", "name", "see /api/v1/models")
        return book, mine[-1]

    @router.get("/models", response_model=VersionsAnswer)
    def models(site: Site = EVERY_SITE, asset: Asset = "", as_of: AsOf = "", limit: Limit = 1000) -> Response:
        """Every version of every model, as it stands or stood, with its last evaluation."""
        now_ns = behind.clock.now_ns()
        until_ns = min(ns_of_text(as_of, "as_of"), now_ns) if as_of else None
        wanted = site_in(behind, site)
        some = [
            _told(one)
            for one in Book(shelf_of(behind), behind.desk).entries(until_ns)
            if is_seen(behind, one.standing.asset, wanted) and asset in ("", one.standing.asset)
        ]
        return json_of({"as_of_ms": ms(now_ns if until_ns is None else until_ns), "models": some[:limit]})

    @router.get("/models/{name}", response_model=ModelAnswer)
    def model(name: str, version: Annotated[int, Query(ge=0, description="left out: the newest")] = 0) -> Response:
        """One version: what it was made from, its limits, its files, its last evaluation."""
        _, one = found(name, version)
        return json_of({**_told(one), "about": one.model.told() if one.model is not None else None})

    @router.get("/models/{name}/{version}/{file}", response_class=Response, responses=FILE)
    def file(name: str, version: int, file: str) -> Response:
        """A file of a version: its ONNX graphs and ``model.json``, refused where it is not what was trained."""
        book, one = found(name, version)
        who = needs(Right.EXPORT, site_of(one.standing.asset))
        try:
            kept = one.kept
            if file != ABOUT and file not in kept.files:
                there = ", ".join((*kept.files, ABOUT))
                raise AskedWrongly(404, f"{name} {version} has no file {file[:MAX_NAME]!r}", "file", f"one of {there}")
            shelf, number = book.shelf, one.standing.version
            is_about = file == ABOUT
            data = (shelf.place(name, number) / ABOUT).read_bytes() if is_about else shelf.file(kept, number, file)
        except (ModelError, OSError) as error:
            raise AskedWrongly(409, str(error), "file", "bring its files back, or train it anew") from error
        behind.desk.note(who.name, "model.export", f"{name} {number}", {"file": file})
        headers = {"content-disposition": f'attachment; filename="{file}"'}
        return Response(data, media_type=JSON if is_about else ONNX, headers=headers)

    return router


def _told(entry: Entry) -> dict[str, Any]:
    kept, model = entry.standing, entry.model
    return {
        "name": kept.name,
        "version": kept.version,
        "asset": kept.asset,
        "state": kept.state,
        "regime": model.regime.told() if model else None,
        "signals": model.signals if model else (),
        "window_s": model.window.length_ns / NS_PER_S if model else None,
        "budget": model.limits.budget if model else None,
        "trained_ms": ms(kept.trained_ns),
        "trained_by": kept.trained_by,
        "changed_ms": ms(kept.changed_ns),
        "changed_by": kept.changed_by,
        "sha256": kept.sha256,
        "wrong": entry.wrong,
        "files": model.files if model else {},
        "report": _report(kept.table, kept.evaluated_ns) if kept.table is not None else None,
    }


def _report(table: Mapping[str, Any], evaluated_ns: int) -> dict[str, Any]:
    same = ("step_s", "aftermath_s", "windows", "anomalous", "rows", "faults")
    return {
        "evaluated_ms": ms(evaluated_ns),
        "from_ms": ms(table["from_ns"]),
        "to_ms": ms(table["to_ns"]),
        "far_with_aftermath": table["alarms_far_with_aftermath"],
        **{name: table[name] for name in same},
    }
