"""``/healthz`` and ``/metrics``: whether broker, store and ingest work, said truthfully."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
from fastapi import APIRouter
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from starlette.responses import JSONResponse, Response

from connectors.broker import kind_of, url_of
from dashboards.access.auth import person
from dashboards.status import ms, own_number
from dashboards.view import number
from twin.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prometheus_client.metrics_core import Metric

    from dashboards.page import Behind

Check = dict[str, Any]
_REFUSED = ("broker/refused.json", "data/broker/refused.json")


def without_password(url: str) -> str:
    """An address that may be shown."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")))


def broker_words(behind: Behind) -> dict[str, str]:
    """What kind of broker there is, and where."""
    config = behind.factory.broker
    return {"kind": kind_of(config), "url": without_password(url_of(config))}


def refused(folder: Path) -> list[dict[str, Any]]:
    """The clients that the broker turned away, as its supervisor wrote them down."""
    for name in _REFUSED:
        with contextlib.suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode((folder / name).read_bytes(), type=list[dict[str, Any]])
    return []


def mirror(behind: Behind) -> dict[str, Any]:
    """The last keyframe's hash, and how large the store is."""
    history = behind.reader.history()
    found = [frame for writer in history.writers() if (frame := history.last_keyframe(writer)) is not None]
    last = max(found, key=lambda frame: frame.tick_ns, default=None)
    return {
        "sha256": last.sha256 if last else None,
        "t_ms": ms(last.tick_ns) if last else None,
        "bytes": history.summary().bytes,
    }


def checks(behind: Behind) -> dict[str, Check]:
    """What must work, each with whether it does."""
    live = behind.live
    now_ns = behind.clock.now_ns()
    try:
        summary = behind.reader.history().summary()
        store: Check = {"ok": True, "detail": f"{summary.frames} frames", "bytes": summary.bytes}
    except StoreError as error:
        store = {"ok": False, "detail": str(error)}
    state = live.ingest.state(now_ns)
    return {
        **_room(behind),
        "broker": {
            "ok": live.connected,
            "detail": f"{'connected to' if live.connected else 'no connection to'} {broker_words(behind)['url']}",
        },
        "store": store,
        "ingest": {
            "ok": state == "ok",
            "detail": {"ok": "running", "silent": "no word for 3 s", "down": "no word for 10 s"}[state],
            "lag_s": live.ingest.lag_s(now_ns),
        },
    }


def _room(behind: Behind) -> dict[str, Check]:
    """The disk, where it can be seen from here."""
    notices = behind.live.notices
    if notices is None or not notices.room.free:
        return {}
    found = notices.room
    return {
        "room": {
            "ok": found.level != "critical",
            "level": found.level,
            "detail": f"{found.free // 1_000_000} MB free",
            "full_in_s": found.full_in_s,
        }
    }


def health_router(behind: Behind) -> APIRouter:
    """The two calls, for supervisors and for Prometheus."""
    router = APIRouter()
    registry = CollectorRegistry()
    registry.register(_Numbers(behind))

    @router.get("/healthz", include_in_schema=False)
    def healthz() -> JSONResponse:
        found = checks(behind)
        failing = [name for name, check in found.items() if not check["ok"]]
        if not person().sees_all:
            found = {name: {"ok": check["ok"]} for name, check in found.items()}
        body: dict[str, Any] = {"status": "failing" if failing else "ok", "checks": found}
        if failing:
            body["failing"] = failing
        return JSONResponse(body, 503 if failing else 200)

    @router.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


class _Numbers:
    """Collects the numbers when Prometheus asks."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind

    def describe(self) -> list[Metric]:
        """Nothing is known before it is asked for."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The totals by source and reason, and how ingest is doing."""
        live = self._behind.live
        yield from _totals(live.by_source)
        now_ns = self._behind.clock.now_ns()
        latest = dict(live.latest)
        lag = GaugeMetricFamily("factory_twin_lag_seconds", "Receive time minus device time", labels=["source"])
        for name, one in latest.items():
            if name.startswith("twin/ingest/"):
                lag.add_metric([one.stream.asset.rpartition("/")[2]], number(one, "lag_s") or 0.0)
        yield lag
        for metric, signal, text in (
            ("factory_twin_queue_messages", "queue", "Messages that wait for ingest"),
            ("factory_twin_commit_seconds", "commit_s", "Longest transaction of the last second"),
        ):
            yield GaugeMetricFamily(metric, text, value=own_number(latest, signal) or 0.0)
        yield GaugeMetricFamily("factory_twin_websocket_clients", "Browsers", value=len(live.clients))
        yield GaugeMetricFamily(
            "factory_twin_ingest_up", "Whether ingest is heard", value=live.ingest.state(now_ns) == "ok"
        )
        with contextlib.suppress(StoreError):
            size = self._behind.reader.history().summary().bytes
            yield GaugeMetricFamily("factory_twin_store_bytes", "Room the store takes", value=size)


def _totals(by_source: dict[str, dict[str, Any]]) -> Iterator[Metric]:
    for term, text in (("received", "Messages received"), ("decoded", "Messages decoded")):
        family = CounterMetricFamily(f"factory_twin_messages_{term}", text, labels=["source"])
        for source, row in by_source.items():
            family.add_metric([source], row[term])
        yield family
    for term, label in (("handled", "kind"), ("rejected", "reason")):
        family = CounterMetricFamily(f"factory_twin_messages_{term}", f"Messages {term}", labels=["source", label])
        for source, row in by_source.items():
            for reason, count in row[term].items():
                family.add_metric([source, reason], count)
        yield family
    for term in ("decoded_frames", "stored", "duplicate", "key_conflict"):
        name = "decoded" if term == "decoded_frames" else term
        family = CounterMetricFamily(f"factory_twin_frames_{name}", f"Frames {name}", labels=["source"])
        for source, row in by_source.items():
            family.add_metric([source], row[term])
        yield family
