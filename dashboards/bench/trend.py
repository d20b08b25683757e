"""`twin bench trend`: the Trends page over millions of points, closer and closer, in a real Chromium."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import numpy as np

from connectors.bench import query
from dashboards.bench import browser, stage
from dashboards.demo.crowd import crowd_assets, crowd_file
from twin.clock import NS_PER_S, iso_from_ns

if TYPE_CHECKING:
    from collections.abc import Callable

CLOSEST_S = 60
"""Nobody looks closer in this measurement."""
SETTLED_S = 3.0


def run(store: str, points: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure; the keys are told in docs/reference/bench.md. Raises SourceError where there is no browser."""
    (asset,) = crowd_assets(1)
    with (
        TemporaryDirectory(prefix="twin-bench-", ignore_cleanup_errors=True) as folder,
        stage.store(store, Path(folder)) as url,
    ):
        start_ns, end_ns = query.write_long(url, points, asset, say)
        span_s = (end_ns - start_ns) // NS_PER_S
        asked = urlencode({"pen": f"{asset}:s0", "span": span_s, "to": iso_from_ns(end_ns), "lang": "ko"})
        with (
            browser.opened() as chromium,
            stage.pages(url, crowd_file(1), Path(folder)) as address,
            chromium.page() as page,
        ):
            first_ms = page.open(f"{address}/trends?{asked}", ".ft-readings td.is-now")
            page.wait(SETTLED_S)
            closer = []
            while span_s > CLOSEST_S:
                closer.append(page.asking(".ft-board-closer", "/view/trend"))
                span_s //= 2
            wider = [page.asking(".ft-board-wider", "/view/trend") for _ in closer]
    both = closer + wider
    p50, p95 = (round(float(np.percentile(both, q)), 1) for q in (50, 95))
    return {
        "store": store,
        "points": points,
        "zooms": len(both),
        "zoom_p50_ms": p50,
        "zoom_p95_ms": p95,
        "zoom_most_ms": round(max(both), 1),
        "first_paint_ms": round(first_ms),
        "machine": stage.machine(),
    }
