"""``/view/*``: what the browser's components ask for; docs/reference/live-protocol.md is the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from connectors.packet import MAX_CHUNK_PACKETS
from dashboards.access.auth import person
from dashboards.calls import health
from dashboards.errors import AskedWrongly
from dashboards.marks import Marks
from dashboards.moment import MAX_POINTS, ns_of_ms, span, view_of
from dashboards.once import Once
from dashboards.received import is_by_receipt, received_chunk, take_base
from dashboards.status import ms
from dashboards.summary import packets
from dashboards.summary import trend as trends
from dashboards.summary.connections import connections, refusals, store_figures
from dashboards.summary.devices import clocks, newcomers
from dashboards.summary.directory import EVERY_SITE
from dashboards.summary.events import told
from dashboards.summary.lanes import event_json, lanes
from dashboards.summary.overview import overview
from twin.clock import NS_PER_S
from twin.errors import IdError
from twin.ids import split_signal_id

if TYPE_CHECKING:
    from dashboards.page import Behind
    from dashboards.view import View
    from twin.sample import Stream

MAX_EVENTS = 1000
LETTERS = 50
MAX_CHUNK_S = 3600.0
MAX_HZ = 20.0
DAY_MS = 86_400_000.0

Site = Annotated[str, Query(max_length=200)]
Word = Annotated[str, Query(max_length=200, description="left out: every one")]
Moment = Annotated[float | None, Query(description="ms since 1970; left out: now")]
Ms = Annotated[float, Query(description="ms since 1970")]


def json_of(value: object) -> Response:
    """Any value as JSON, NaN as null."""
    return Response(msgspec.json.encode(value), media_type="application/json")


def packet_of(body: bytes) -> Response:
    """Bytes of packets."""
    return Response(body, media_type="application/octet-stream")


def site_in(behind: Behind, site: str) -> str:
    """A site's id, or ``*``; raises AskedWrongly for one that is not there."""
    if site != EVERY_SITE and behind.factory.hub.site(site) is None:
        known = ", ".join(one.id for one in behind.factory.hub.sites)
        raise AskedWrongly(404, f"there is no site {site[:64]!r}", "site", f"one of {known}, or *")
    return site


def signal_in(view: View, signal: str) -> tuple[Stream, str]:
    """The stream that holds a signal, and the signal's name; raises AskedWrongly where there is none."""
    try:
        asset, name = split_signal_id(signal)
    except IdError as error:
        raise AskedWrongly(400, str(error), "signal", "site/line/asset:signal") from error
    for stream in view.streams().values():
        if stream.asset == asset and any(column.name == name for column in stream.signals):
            return stream, name
    raise AskedWrongly(404, f"there is no signal {signal[:200]!r}", "signal", "see /api/v1/signals")


def view_router(behind: Behind) -> APIRouter:  # noqa: C901  one function a call, side by side
    """The calls, on what stands behind the pages."""
    router = APIRouter(prefix="/view", include_in_schema=False, dependencies=[Depends(take_base)])
    marks, once = Marks(), Once()

    def view(as_of_ms: float | None) -> View:
        return view_of(behind, None if as_of_ms is None else ns_of_ms(as_of_ms, "as_of_ms"))

    def key_of(name: str, seen: View) -> tuple[str, bool, int]:
        # Live figures change with each second, past ones with each moment.
        return name, seen.is_live, seen.clock_ns // NS_PER_S if seen.is_live else seen.clock_ns

    @router.get("/directory")
    def directory_(site: Site = EVERY_SITE) -> Response:
        return json_of(behind.live.directory(site_in(behind, site)))

    @router.get("/state")
    def state(at_ms: Ms, site: Site = EVERY_SITE) -> Response:
        return packet_of(packets.state(view(at_ms), site_in(behind, site)))

    @router.get("/chunk")
    def chunk(
        from_ms: Ms,
        to_ms: Ms,
        hz: Annotated[float, Query(gt=0, le=MAX_HZ)] = 10.0,
        site: Site = EVERY_SITE,
        as_of_ms: Moment = None,
    ) -> Response:
        asked = span(ns_of_ms(from_ms, "from_ms"), ns_of_ms(to_ms, "to_ms"), MAX_CHUNK_S)
        if asked.span_s * hz >= MAX_CHUNK_PACKETS:
            raise AskedWrongly(
                400, f"{asked.span_s:.0f} s at {hz:g} Hz is too much", "hz", f"{MAX_CHUNK_PACKETS} packets at most"
            )
        if is_by_receipt():
            end_ns = min(asked.end_ns, view(as_of_ms).clock_ns)
            return packet_of(received_chunk(behind, site_in(behind, site), asked.start_ns, end_ns, hz))
        return packet_of(packets.chunk(view(as_of_ms), site_in(behind, site), asked.start_ns, asked.end_ns, hz))

    @router.get("/trend")
    def trend(
        signal: Annotated[str, Query(max_length=500)],
        from_ms: Ms,
        to_ms: Ms,
        max_points: Annotated[int, Query(ge=1, le=MAX_POINTS)] = 1000,
        as_of_ms: Moment = None,
    ) -> Response:
        asked = span(ns_of_ms(from_ms, "from_ms"), ns_of_ms(to_ms, "to_ms"))
        seen = view(as_of_ms)
        stream, name = signal_in(seen, signal)
        series = trends.pen(seen, stream, name, asked.start_ns, asked.end_ns, max_points)
        return json_of(
            {
                "signal": signal,
                "t_ms": [ms(t_ns) for t_ns in series.t_ns.tolist()],
                "min": series.minimum.tolist(),
                "max": series.maximum.tolist(),
                "mean": series.mean.tolist(),
                "raw": series.raw,
            }
        )

    @router.get("/lanes")
    def lanes_(from_ms: Ms, to_ms: Ms, site: Site = EVERY_SITE, as_of_ms: Moment = None) -> Response:
        asked = span(ns_of_ms(from_ms, "from_ms"), ns_of_ms(to_ms, "to_ms"))
        seen = view(as_of_ms)
        site = site_in(behind, site)
        key = (*key_of("lanes", seen), site, asked.start_ns // NS_PER_S, asked.end_ns // NS_PER_S)
        return json_of(once.get(key, lambda: lanes(seen, site, asked.start_ns, asked.end_ns)))

    @router.get("/overview")
    def overview_(as_of_ms: Moment = None) -> Response:
        seen = view(as_of_ms)
        return json_of(once.get(key_of("overview", seen), lambda: overview(seen, behind.factory.hub, marks)))

    @router.get("/connections")
    def connections_(as_of_ms: Moment = None, source: Word = "", reason: Word = "") -> Response:
        seen = view(as_of_ms)
        key = (*key_of("connections", seen), source, reason)
        return json_of(once.get(key, lambda: _connections(behind, seen, source, reason)))

    @router.get("/events")
    def events(  # noqa: PLR0913  the parameters of the call
        site: Site = EVERY_SITE,
        asset: Annotated[str, Query(max_length=500)] = "",
        from_ms: Ms | None = None,
        as_of_ms: Moment = None,
        limit: Annotated[int, Query(ge=1, le=MAX_EVENTS)] = 100,
        notable: bool = False,  # noqa: FBT001, FBT002  a parameter of the call
    ) -> Response:
        seen = view(as_of_ms)
        start_ns = seen.clock_ns - round(DAY_MS) * 1_000_000 if from_ms is None else ns_of_ms(from_ms, "from_ms")
        under = asset or ("" if site_in(behind, site) == EVERY_SITE else site)
        found = told(seen, start_ns, asset=under, limit=limit, notable=notable)
        return json_of({"events": [event_json(event) for event in found]})

    @router.get("/mirror")
    def mirror() -> Response:
        return json_of(health.mirror(behind))

    return router


def _connections(behind: Behind, seen: View, source: str, reason: str) -> dict[str, Any]:
    history = behind.reader.history()
    broker = {
        **health.broker_words(behind),
        # Which site a client that was turned away is of, nobody knows.
        "refused": refusals(health.refused(behind.folder), seen.clock_ns) if person().sees_all else [],
    }
    return connections(
        seen,
        behind.factory.sources,
        history.by_source(),
        history.dead_letters(source=source, reason=reason, limit=LETTERS),
        newcomers(history.newcomers(), behind.factory.hub.assets(), history.by_stream(), seen.clock_ns),
        clocks(history.by_stream()) if seen.is_live else None,
        store_figures(seen, history.summary(), health.without_password(behind.factory.store.url)),
        broker,
    )
