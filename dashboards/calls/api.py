"""``/api/v1``: reading for other programs. The description is at /api/v1/openapi.json.

Times are ISO 8601 with an offset, or milliseconds since 1970 UTC. ``as_of`` answers as it was then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from starlette.responses import Response  # noqa: TC002  FastAPI reads the annotations

from dashboards.calls.api_models import (
    AssetsAnswer,
    ErrorAnswer,
    EventsAnswer,
    LatestAnswer,
    SamplesModel,
    SignalsAnswer,
    SitesAnswer,
)
from dashboards.calls.view import json_of, signal_in, site_in
from dashboards.errors import AskedWrongly
from dashboards.moment import MAX_POINTS, ns_of_text, span, view_of
from dashboards.status import ms
from dashboards.summary.directory import EVERY_SITE, OWN, belongs
from dashboards.summary.lanes import event_json
from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dashboards.page import Behind
    from dashboards.view import View
    from twin.sample import Latest, Signal, Stream

HOUR_NS = 3600 * NS_PER_S
DAY_NS = 24 * HOUR_NS
MAX_ROWS = 10_000

Site = Annotated[str, Query(description="a site's id, or * for all", max_length=200)]
Asset = Annotated[str, Query(description="an asset's id", max_length=500)]
SignalId = Annotated[str, Query(description="site/line/asset:signal", max_length=500)]
From = Annotated[str, Query(alias="from", description="begin, ISO 8601 with offset or epoch ms", max_length=64)]
To = Annotated[str, Query(alias="to", description="end (not included)", max_length=64)]
AsOf = Annotated[str, Query(description="answer as it was then; left out: now", max_length=64)]
Limit = Annotated[int, Query(ge=1, le=MAX_ROWS)]
ERRORS: dict[int | str, dict[str, Any]] = {code: {"model": ErrorAnswer} for code in (400, 404, 422, 503)}


def api_router(behind: Behind) -> APIRouter:  # noqa: C901  one function a call, side by side
    """The read calls, on what stands behind the pages."""
    router = APIRouter(prefix="/api/v1", responses=ERRORS)

    def view(as_of: str) -> View:
        return view_of(behind, ns_of_text(as_of, "as_of") if as_of else None)

    def asset_in(seen: View, asset: str) -> str:
        known = asset in behind.factory.hub.assets() or any(one.asset == asset for one in seen.streams().values())
        if asset and not known:
            raise AskedWrongly(404, f"there is no asset {asset!r}", "asset", "see /api/v1/assets")
        return asset

    @router.get("/sites", response_model=SitesAnswer)
    def sites() -> Response:
        """Every site."""
        return json_of({"sites": behind.live.directory(EVERY_SITE)["sites"]})

    @router.get("/assets", response_model=AssetsAnswer)
    def assets(site: Site = EVERY_SITE, limit: Limit = 1000) -> Response:
        """The assets, those of the factory file and those only heard of."""
        found = behind.live.directory(site_in(behind, site))["assets"]
        return json_of({"assets": sorted(found, key=lambda one: str(one["id"]))[:limit]})

    @router.get("/signals", response_model=SignalsAnswer)
    def signals(site: Site = EVERY_SITE, asset: Asset = "", limit: Limit = 1000) -> Response:
        """What the assets measure."""
        seen = view("")
        asset_in(seen, asset)
        site_in(behind, site)
        rows = [
            _signal(stream, signal)
            for stream in seen.streams().values()
            if _wanted(stream.asset, site, asset)
            for signal in stream.signals
        ]
        return json_of({"signals": rows[:limit]})

    @router.get("/latest", response_model=LatestAnswer)
    def latest(
        site: Site = EVERY_SITE, asset: Asset = "", signal: SignalId = "", as_of: AsOf = "", limit: Limit = 1000
    ) -> Response:
        """The newest value of each signal."""
        seen = view(as_of)
        asset_in(seen, asset)
        site_in(behind, site)
        only = signal_in(seen, signal) if signal else None
        rows = [
            row
            for one in seen.latest().values()
            if _wanted(one.stream.asset, site, asset) and (only is None or one.stream.id == only[0].id)
            for row in _values(one)
            if not signal or row["signal"] == signal
        ]
        return json_of({"as_of_ms": ms(seen.clock_ns), "latest": rows[:limit]})

    @router.get("/samples", response_model=SamplesModel)
    def samples(
        signal: SignalId,
        start: From = "",
        end: To = "",
        max_points: Annotated[int, Query(ge=1, le=MAX_POINTS)] = 1000,
        as_of: AsOf = "",
    ) -> Response:
        """One signal over time; the last hour where no range is given."""
        seen = view(as_of)
        stream, name = signal_in(seen, signal)
        end_ns = ns_of_text(end, "to") if end else seen.clock_ns + 1
        asked = span(ns_of_text(start, "from") if start else end_ns - HOUR_NS, end_ns)
        column = next(one for one in stream.signals if one.name == name)
        answer: dict[str, Any] = {"signal": signal, "unit": column.unit, "raw": True, "t_ms": [], "min": [], "max": []}
        answer |= {"mean": [], "changes": []}
        if column.kind.is_text:
            changes = seen.text_changes(stream.id, name, asked.start_ns, asked.end_ns)
            answer["changes"] = [{"t_ms": ms(t_ns), "text": text} for t_ns, text in changes[:MAX_ROWS]]
        else:
            series = seen.trend(stream.id, name, asked.start_ns, asked.end_ns, max_points)
            answer |= {"raw": series.raw, "t_ms": [ms(t_ns) for t_ns in series.t_ns.tolist()]}
            answer |= {"min": series.minimum.tolist(), "max": series.maximum.tolist(), "mean": series.mean.tolist()}
        return json_of(answer)

    @router.get("/events", response_model=EventsAnswer)
    def events(  # noqa: PLR0913  the parameters of the call
        site: Site = EVERY_SITE,
        asset: Asset = "",
        start: From = "",
        end: To = "",
        as_of: AsOf = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """What happened, newest first; the last day where no range is given."""
        seen = view(as_of)
        under = asset_in(seen, asset) or ("" if site_in(behind, site) == EVERY_SITE else site)
        end_ns = ns_of_text(end, "to") if end else seen.clock_ns + 1
        asked = span(ns_of_text(start, "from") if start else end_ns - DAY_NS, end_ns)
        found = seen.events(asked.start_ns, asked.end_ns, asset=under, limit=limit)
        return json_of({"as_of_ms": ms(seen.clock_ns), "events": [event_json(event) for event in found]})

    return router


def _wanted(owner: str, site: str, asset: str) -> bool:
    """Whether an asset is asked for; the twin's own only by its name."""
    if asset:
        return owner == asset
    return belongs(owner, site) and not owner.startswith(OWN + "/")


def _signal(stream: Stream, signal: Signal) -> dict[str, Any]:
    name = signal.source_name or signal.name
    return {
        "id": f"{stream.asset}:{signal.name}",
        "asset": stream.asset,
        "stream": stream.id,
        "kind": signal.kind.value,
        "unit": signal.unit,
        "role": signal.role.value,
        "low": signal.low,
        "high": signal.high,
        "label": {"ko": signal.label_ko or name, "en": signal.label_en or name},
        "period_s": stream.period_s,
    }


def _values(latest: Latest) -> Iterator[dict[str, Any]]:
    stream = latest.stream
    common = {"t_ms": ms(latest.t_ns), "received_ms": ms(latest.received_ns), "quality": latest.quality}
    for column, value in zip(stream.columns, latest.values, strict=True):
        told = None if np.isnan(value) else float(value)
        yield {"signal": f"{stream.asset}:{column.name}", **common, "unit": column.unit, "value": told}
    for column, text in zip(stream.text_columns, latest.texts, strict=False):
        yield {"signal": f"{stream.asset}:{column.name}", **common, "unit": column.unit, "value": text}
