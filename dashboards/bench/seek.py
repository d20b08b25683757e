"""`twin bench seek`, `verify` and `replay`: reading the past, beside bare reading of the same rows, and on a page."""

from __future__ import annotations

from contextlib import closing
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.bench import seek
from connectors.plugins import rules_of
from connectors.scenarios import play_into, read_scenario
from connectors.stores.sql import open_history
from dashboards.bench import browser, stage
from dashboards.demo.crowd import crowd_assets, crowd_file
from twin.clock import NS_PER_MS, NS_PER_S, iso_from_ns
from twin.scenario import Playing

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboards.bench.browser import Browser

WINDOWS_A_DAY = 20 / 3
SETTLED_S = 3.0
MARGIN_S = 300
PLAYED = """
name = "played"
site = "jeonju"
seed = 7
start = 2026-11-16T06:00:00+09:00
duration_s = {long_s}
breakdowns = true
batch_s = 1
"""


def run_seek(  # noqa: PLR0913  what is measured
    store: str, days: float, assets: int, seeks: int, say: Callable[[str], None], *, page: bool = False
) -> dict[str, Any]:
    """Seek in a store of so many days, on the server and with ``page`` on the Floor page of a browser, too.

    The keys are told in docs/reference/bench.md. Raises SourceError where there is no browser.
    """
    with TemporaryDirectory(prefix="twin-bench-", ignore_cleanup_errors=True) as folder:
        with stage.store(store, Path(folder)) as url:
            starts = seek.build(url, days, crowd_assets(assets), max(1, round(days * WINDOWS_A_DAY)), say)
            answer = seek.measure(url, starts, seeks)
            if page:
                at_ms = [t_ns / NS_PER_MS for t_ns in seek.instants(starts, seeks)]
                with browser.opened() as chromium, stage.pages(url, crowd_file(assets), Path(folder)) as address:
                    answer |= _drawn(chromium, f"{address}/floor/crowd", at_ms)
        plant = {"days": days, "assets": assets, "signals": assets * seek.WIDTH, "windows": len(starts)}
        return {"store": store, "machine": stage.machine(), "server_only": not page, **plant, **answer}


def _drawn(chromium: Browser, url: str, at_ms: list[float]) -> dict[str, Any]:
    with chromium.page() as page:
        page.open(f"{url}?lang=ko", ".ft-row")
        page.wait(SETTLED_S)
        page.seek(at_ms[0])
        took = [page.seek(one) for one in at_ms]
    p50, p95 = (round(float(np.percentile(took, q)), 1) for q in (50, 95))
    return {"page_p50_ms": p50, "page_p95_ms": p95}


def run_replay(speed: float, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """A recorded plant played on the Floor page; the keys are told in docs/reference/bench.md."""
    with TemporaryDirectory(prefix="twin-bench-", ignore_cleanup_errors=True) as folder:
        place, long_s = Path(folder), round(speed * seconds) + MARGIN_S
        (place / "played.toml").write_text(PLAYED.format(long_s=long_s), encoding="utf-8")
        with as_file(files("dashboards") / "demo" / "factory.toml") as demo:
            scenario, factory = read_scenario(place / "played.toml", demo)
            text = demo.read_text(encoding="utf-8")
        url = f"sqlite:///{place / 'twin.db'}"
        play_into(Playing(scenario, factory.hub, rules_of(factory)), url)
        say(f"{long_s / 60:.0f} min recorded")
        start = iso_from_ns(scenario.start_ns + 60 * NS_PER_S)
        with browser.opened() as chromium, stage.pages(url, text, place) as address, chromium.page() as page:
            page.open(f"{address}/floor/jeonju?lang=ko&at={start}&speed={speed:g}", ".ft-row")
            page.wait(SETTLED_S)
            answer = page.play(seconds)
    return {"speed": speed, "seconds": seconds, "machine": stage.machine(), **answer}


def run_verify(store: str, seconds: int, assets: int, repeats: int) -> dict[str, Any]:
    """Fold a live store again, beside the bare reading of its batches."""
    with TemporaryDirectory(prefix="twin-bench-", ignore_cleanup_errors=True) as folder:
        with stage.store(store, Path(folder)) as url:
            seek.build_live(url, seconds, crowd_assets(assets))
            with closing(open_history(url)) as history:
                answer = seek.refold(history, repeats)
        return {"store": store, "machine": stage.machine(), "assets": assets, **answer}
