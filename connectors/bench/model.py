"""What scoring costs, onnxruntime beside numpy in the same run; what models make of simulated days with faults."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.models.evaluate import Wrong, evaluate
from connectors.models.files import FOREST, PCA
from connectors.models.forest import forest_of
from connectors.models.graph import graph_of
from connectors.models.runtime import OnnxForest, OnnxScorer
from connectors.models.train import Order, train
from connectors.stores.sql import open_history, open_store
from twin.anomaly import Window, features_of, fit, windows_of
from twin.clock import NS_PER_S
from twin.ports import Commit, Folded
from twin.sample import batch_of
from twin.simulation.faults import USES, Fault, FaultKind
from twin.simulation.plant import build_plant

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.config import Factory
    from twin.simulation.faults import Trouble
    from twin.site import Site

START_NS = 1_750_039_200 * NS_PER_S
HOUR_NS = 3600 * NS_PER_S
LEARNED = 3 / 7
"""Of the time, the part without faults that is learned from."""
APART_S, SEVERITIES = 2.5 * 3600, (1.0, 0.6, 0.3)
"""Between one fault and the next; how bad they are, in turn."""
BATCH = 1000


def speed(signals: int, rows: int, tries: int) -> dict[str, Any]:
    """Microseconds a window of so many signals and rows: the best of several runs, all on one thread."""
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (BATCH + 10 * signals * 2, signals)) @ rng.normal(0, 1, (signals, signals))
    windows = np.ascontiguousarray(windows_of(values, rows)[:BATCH])
    middle = np.median(values, axis=0)
    features = features_of(windows - middle)
    pca = fit(features, middle, values.std(axis=0), 0.95)
    runtime, forest = OnnxScorer(graph_of(pca, rows, {})), OnnxForest(forest_of(features, 1, {}))
    single = windows.astype(np.float32)
    one = single[:1]
    return {
        "signals": signals,
        "rows": rows,
        "components": pca.components,
        "pca_onnx_us": _us(lambda: runtime.raw(one), tries, 200),
        "pca_onnx_in_batches_us": _us(lambda: runtime.raw(single), tries, 3) / BATCH,
        "pca_numpy_us": _us(lambda: pca.score(windows[:1]), tries, 200),
        "pca_numpy_in_batches_us": _us(lambda: pca.score(windows), tries, 3) / BATCH,
        "forest_onnx_us": _us(lambda: forest.strange(features[:1]), tries, 50),
        "forest_onnx_in_batches_us": _us(lambda: forest.strange(features), tries, 3) / BATCH,
    }


def _us(do: Callable[[], object], tries: int, times: int) -> float:
    do()
    best = float("inf")
    for _ in range(tries):
        began = time.perf_counter()
        for _ in range(times):
            do()
        best = min(best, (time.perf_counter() - began) / times)
    return round(best * 1e6, 2)


def faulty(  # noqa: PLR0913  what a measurement is a function of
    factory: Factory, asset: str, days: float, aftermath_s: float, url: str, progress: Callable[[str], None]
) -> dict[str, Any]:
    """A model trained on the first three sevenths of some simulated days, and its table over the rest, full of faults.

    Every kind of fault that may happen to the asset, in turn, in three severities, two and a half hours
    apart; its own breakdowns go on all the time. ``url``: an empty store.
    """
    site = next(one for one in factory.hub.sites if asset.startswith(one.id + "/"))
    hours = round(days * 24)
    border_ns = START_NS + round(hours * LEARNED) * HOUR_NS
    end_ns = START_NS + hours * HOUR_NS
    troubles = _simulate(site, asset, hours, border_ns, url, progress)
    history = open_history(url)
    try:
        progress("training")
        began = time.perf_counter()
        model, files = train(history, Order("bench", asset, ((START_NS, border_ns),), window=Window()))
        trained_s = time.perf_counter() - began
        progress("scoring")
        wrong = [Wrong(str(one.kind), one.start_ns, one.end_ns) for one in troubles if one.asset == asset]
        table = evaluate(
            history, model, OnnxScorer(files[PCA]), OnnxForest(files[FOREST]), border_ns, end_ns, wrong, aftermath_s
        )
    finally:
        history.close()
    return {"days": days, "trained_in_s": round(trained_s, 1), **table}


def _simulate(  # noqa: PLR0913  a plant and where it goes
    site: Site, asset: str, hours: int, border_ns: int, url: str, progress: Callable[[str], None]
) -> list[Trouble]:
    kind = next(one.type for one in site.assets if one.id == asset)
    fitting = [one for one in FaultKind if kind in USES[one].types]
    faults: list[Fault] = []
    at_s, last_s = (border_ns - START_NS) / NS_PER_S + 1800, (hours - 2) * 3600
    while fitting and at_s < last_s:
        place = len(faults)
        one = fitting[place % len(fitting)]
        faults.append(Fault(one, asset, at_s, 0.0, SEVERITIES[place // len(fitting) % len(SEVERITIES)]))
        at_s += USES[one].for_s + APART_S
    plant = build_plant(site, seed=7, start_ns=START_NS, faults=faults)
    store, troubles = open_store(url), []
    try:
        for hour in range(1, hours + 1):
            parts = [one for one in plant.advance(START_NS + hour * HOUR_NS, slow=True) if one.stream.asset == asset]
            troubles += plant.troubles()
            store.append(Commit(batch_of("bench", hour, START_NS + hour * HOUR_NS, parts)), _unfolded)
            if hour % 24 == 0:
                progress(f"simulated {hour // 24} of {hours / 24:g} days")
    finally:
        store.close()
    return troubles


def _unfolded(_batch: object) -> Folded:
    return Folded((), ())
