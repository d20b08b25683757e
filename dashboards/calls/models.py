"""``/view/models``: anomaly models listed, looked into, trained, activated and retired."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from starlette.requests import Request  # noqa: TC002  FastAPI reads the annotations
from starlette.responses import Response  # noqa: TC002

from connectors.desk import recordings
from connectors.episodes.reading import streams_of
from connectors.models.book import Book, Entry
from connectors.models.extra import INSTALL, is_there
from connectors.models.files import Shelf, folder_of
from dashboards.access.auth import needs, person
from dashboards.calls.view import Moment, json_of, site_in
from dashboards.errors import AskedWrongly, json_body
from dashboards.model_runs import Trainings
from dashboards.moment import ns_of_ms, view_of
from dashboards.once import Once
from dashboards.summary.directory import EVERY_SITE
from dashboards.summary.models import listed, scores
from twin.clock import NS_PER_S
from twin.errors import IdError, ModelError, RecordingError
from twin.ids import segment, site_of
from twin.policy import Right, may
from twin.sample import Kind, Role

if TYPE_CHECKING:
    from dashboards.page import Behind
    from dashboards.view import View

FRESH_NS = 5 * NS_PER_S
MOST_HOURS, MOST_LEARNED_H = 24.0, 31 * 24.0
MAX_NAME = 64
Name = Annotated[str, Query(max_length=MAX_NAME)]


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """A training as the page asks for it: from recordings, else the last ``hours`` before now."""

    name: str
    asset: str
    hours: float = 24.0
    recordings: list[str] = []
    states: list[str] = []
    budget: float = 0.001


class Deed(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be done with a version: ``activate`` or ``retire``."""

    name: str
    version: int
    act: str


def models_router(behind: Behind) -> APIRouter:
    """The calls, on what stands behind the pages."""
    router = APIRouter(prefix="/view", include_in_schema=False)
    environ = {"TWIN__STORE__URL": behind.factory.store.url}
    runs, once = Trainings(environ, behind.clock), Once()

    @router.get("/models")
    def models(  # noqa: PLR0913  the parameters of the call
        site: Annotated[str, Query(max_length=200)] = EVERY_SITE,
        name: Name = "",
        version: Annotated[int, Query(ge=0)] = 0,
        hours: Annotated[float, Query(gt=0, le=MOST_HOURS)] = 4.0,
        at_ms: Annotated[float | None, Query(description="the score to explain; left out: the newest")] = None,
        as_of_ms: Moment = None,
    ) -> Response:
        view = view_of(behind, None if as_of_ms is None else ns_of_ms(as_of_ms, "as_of_ms"))
        wanted = site_in(behind, site)
        trained = runs.all() if view.is_live else []
        answer = _whole(behind, view, wanted, [one.told() for one in trained if is_seen(behind, one.asset, wanted)])
        if name:
            at_ns = None if at_ms is None else ns_of_ms(at_ms, "at_ms")
            key = (
                name,
                version,
                hours,
                at_ns,
                view.is_live,
                view.clock_ns // FRESH_NS if view.is_live else view.clock_ns,
            )
            answer["detail"] = once.get(key, lambda: _detail(behind, view, (name, version), hours, at_ns))
        return json_of(answer)

    @router.post("/models")
    async def train(request: Request) -> Response:
        asked = json_body(await request.body(), Order)
        return await asyncio.to_thread(_start, behind, runs, asked)

    @router.post("/models/acts")
    async def act(request: Request) -> Response:
        asked = json_body(await request.body(), Deed)
        return await asyncio.to_thread(_do, behind, asked)

    return router


def _start(behind: Behind, runs: Trainings, asked: Order) -> Response:
    who = needs(Right.CONFIGURE, site_of(asked.asset))
    run = runs.start(who.name, asked.name, asked.asset, _arguments(behind, asked, who.name))
    if run is None:
        raise AskedWrongly(409, "a model is being trained already", "name", "wait until it is done")
    return json_of(run.told())


def _do(behind: Behind, asked: Deed) -> Response:
    book = Book(shelf_of(behind), behind.desk)
    entry = _found(behind, book, asked.name, asked.version)
    who = needs(Right.CONFIGURE, site_of(entry.standing.asset))
    if asked.act not in ("activate", "retire"):
        raise AskedWrongly(400, f"no act {asked.act[:20]!r}", "act", "activate or retire")
    try:
        if asked.act == "activate":
            book.activate(entry, who.name)
        else:
            book.retire(entry, who.name)
    except ModelError as error:
        raise AskedWrongly(409, error.problem, "name", error.do) from error
    return json_of({"state": "active" if asked.act == "activate" else "retired"})


def _whole(behind: Behind, view: View, site: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "scoring": behind.factory.models.score,
        "missing": "" if is_there("sklearn") and is_there("onnx") and is_there("onnxruntime") else INSTALL,
        "models": [],
        "runs": runs,
        "assets": _assets(behind, site) if view.is_live else [],
        "recordings": _recordings(behind, view, site),
        "detail": None,
    }
    try:
        book = Book(shelf_of(behind), behind.desk)
    except AskedWrongly as error:
        return {**answer, "missing": f"{error.what}: {error.do}"}
    until_ns = None if view.is_live else view.clock_ns
    one = person()
    answer["models"] = [
        listed(entry, lambda asset: may(one, Right.CONFIGURE, site_of(asset)))
        for entry in book.entries(until_ns)
        if is_seen(behind, entry.standing.asset, site)
    ]
    return answer


def _detail(behind: Behind, view: View, key: tuple[str, int], hours: float, at_ns: int | None) -> dict[str, Any] | None:
    """The scores of a version; None where there was none at the moment."""
    book = Book(shelf_of(behind), behind.desk)
    until_ns = None if view.is_live else view.clock_ns
    entry = next((one for one in book.entries(until_ns) if (one.standing.name, one.standing.version) == key), None)
    if entry is None or not is_seen(behind, entry.standing.asset, EVERY_SITE):
        return None
    told = {"name": key[0], "version": key[1]}
    if entry.model is None:
        return {**told, "why": entry.wrong}
    return told | scores(view, behind.reader.history(), book.shelf, entry, hours, at_ns)


def _found(behind: Behind, book: Book, name: str, version: int) -> Entry:
    entry = next((one for one in book.entries() if (one.standing.name, one.standing.version) == (name, version)), None)
    if entry is None or not is_seen(behind, entry.standing.asset, EVERY_SITE):
        raise AskedWrongly(404, f"there is no version {version} of {name[:MAX_NAME]!r}", "name", "see the list")
    return entry


def is_seen(behind: Behind, asset: str, site: str) -> bool:
    """Whether an asset is of a site that the person sees, and that is asked for."""
    own = site_of(asset)
    return behind.factory.hub.site(own) is not None and site in (EVERY_SITE, own)


def shelf_of(behind: Behind) -> Shelf:
    """The models' folder; raises AskedWrongly where nobody said where it lies."""
    try:
        return Shelf(folder_of(behind.factory.store.url, behind.factory.models.folder))
    except ModelError as error:
        raise AskedWrongly(409, error.problem, "models", error.do) from error


def _assets(behind: Behind, site: str) -> list[dict[str, Any]]:
    """The assets that a model can be of now, for those who may train: those with a gauge, and with a state first."""
    one, known = person(), behind.factory.hub.assets()
    found = []
    for asset, streams in streams_of(behind.reader.history()).items():
        if not is_seen(behind, asset, site) or not may(one, Right.CONFIGURE, site_of(asset)):
            continue
        if any(column.kind is Kind.GAUGE for stream in streams for column in stream.columns):
            name = known[asset].name if asset in known else None
            has_state = any(column.role is Role.STATE for stream in streams for column in stream.text_columns)
            found.append(
                {"id": asset, "name": {"ko": name.ko, "en": name.en} if name else None, "tells_state": has_state}
            )
    return sorted(found, key=lambda row: (not row["tells_state"], row["id"]))


def _recordings(behind: Behind, view: View, site: str) -> list[str]:
    """Names of recordings of the person's sites that were kept by the moment."""
    kept = recordings.recordings(behind.desk)
    return [one.name for one in kept if is_seen(behind, one.site, site) and one.when_ns <= view.clock_ns]


def _arguments(behind: Behind, asked: Order, who: str) -> list[str]:
    """As `twin model train` takes them; raises AskedWrongly for what cannot be."""
    try:
        is_name = segment(asked.name) == asked.name and asked.name[0] not in "-." and len(asked.name) <= MAX_NAME
    except IdError:
        is_name = False
    if not is_name:
        raise AskedWrongly(
            400, f"a model cannot be called {asked.name[:MAX_NAME]!r}", "name", "letters, digits, - and _"
        )
    if not 0 < asked.hours <= MOST_LEARNED_H:
        raise AskedWrongly(400, f"{asked.hours:g} is not from 0 to {MOST_LEARNED_H:g}", "hours", "24")
    if asked.asset not in streams_of(behind.reader.history()):
        raise AskedWrongly(404, f"no asset {asked.asset[:200]!r} has told anything", "asset", "see the list")
    found = [asked.name, f"--asset={asked.asset}", f"--models={shelf_of(behind).folder}", f"--by={who}"]
    found += [f"--budget={asked.budget:g}", *(f"--state={one[:40]}" for one in asked.states)]
    for name in asked.recordings:
        try:
            kept = recordings.recording(behind.desk, name)
        except RecordingError as error:
            raise AskedWrongly(404, str(error), "recordings", "see the list") from error
        if kept.site != site_of(asked.asset):
            raise AskedWrongly(404, f"{name} is a recording of another site", "recordings", "see the list")
        found.append(f"--recording={name}")
    if not asked.recordings:
        now_ns = behind.clock.now_ns()
        found += [
            f"--from={(now_ns - round(asked.hours * 3600) * NS_PER_S) // 1_000_000}",
            f"--to={now_ns // 1_000_000}",
        ]
    return found
