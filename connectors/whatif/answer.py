"""The answer of a what-if, as `twin whatif --json` prints it and the page draws it."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.whatif.pool import run_all
from twin.clock import NS_PER_S, iso_from_ns
from twin.whatif.change import changed
from twin.whatif.compare import bands, differences, spread, told
from twin.whatif.replicate import GRID
from twin.whatif.sensitivity import BUDGET, STEP, levers_of, replications_within, swings, variants

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connectors.whatif.build import Builder, Built
    from twin.whatif.calibrate import FitRow
    from twin.whatif.change import Change

BACKTESTED = ("good", "throughput", "oee", "availability", "cycle_time", "wip", "transports")


def whatif(  # noqa: PLR0913  what is asked
    built: Built,
    changes: Sequence[Change],
    replications: int,
    *,
    seed: int = 1,
    workers: int = 0,
    progress: Callable[[float], None] = lambda _: None,
) -> dict[str, Any]:
    """Run baseline and variant, and lay them beside what really happened."""
    site, model = built.source.site, built.model
    variant = changed(model, changes, site.timezone)
    begun_s = time.perf_counter()
    ((baseline, other),) = run_all([(model, variant)], seed, replications, workers=workers, progress=progress)
    took_s = time.perf_counter() - begun_s
    actual = built.actual()
    return {
        "site": site.id,
        "at": iso_from_ns(model.start_ns),
        "hours": model.horizon_s / 3600,
        "history": {
            "from": iso_from_ns(built.from_ns),
            "hours": round((model.start_ns - built.from_ns) / NS_PER_S / 3600, 3),
        },
        "changes": [f"{one.key}={one.value}" for one in changes],
        "replications": replications,
        "seed": seed,
        "seconds": round(took_s, 3),
        "replications_per_s": round(2 * replications / took_s, 2),
        "times_real_time": round(2 * replications * model.horizon_s / took_s),
        "scopes": [{"id": one.id, "level": one.of.value, "ko": one.name.ko, "en": one.name.en} for one in built.scopes],
        "baseline": told(baseline),
        "variant": told(other),
        "paired_difference": differences(baseline, other),
        "actual": None if actual is None else {scope: one["figures"] for scope, one in actual.items()},
        "actual_coverage": None if actual is None else {scope: one["coverage"] for scope, one in actual.items()},
        "fits": [_fit(row) for row in built.rows],
        "energy": {scope: asdict(one) for scope, one in model.energy.items()},
        "grid_s": [model.horizon_s * place / GRID for place in range(GRID + 1)],
        "made": {
            "baseline": bands(baseline),
            "variant": bands(other),
            "actual": None if actual is None else {scope: one["made"] for scope, one in actual.items()},
        },
        "spread": {"baseline": spread(baseline), "variant": spread(other)},
    }


def sensitivity(  # noqa: PLR0913  what is asked
    built: Built,
    asked: Sequence[str],
    replications: int,
    *,
    step: float = STEP,
    budget: int = BUDGET,
    seed: int = 1,
    workers: int = 0,
    progress: Callable[[float], None] = lambda _: None,
) -> dict[str, Any]:
    """Step each setting by itself, down and up, beside the baseline under the same luck; within a budget of runs."""
    site, model = built.source.site, built.model
    levers = levers_of(model, asked, step)
    steps = variants(model, levers, site.timezone)
    each = replications_within(1 + len(steps), replications, budget)
    begun_s = time.perf_counter()
    models = (model, *(one for _, _, one in steps))
    ((baseline, *others),) = run_all([models], seed, each, workers=workers, progress=progress)
    took_s = time.perf_counter() - begun_s
    runs = each * len(models)
    return {
        "site": site.id,
        "at": iso_from_ns(model.start_ns),
        "hours": model.horizon_s / 3600,
        "step": step,
        "replications": each,
        "runs": runs,
        "seed": seed,
        "seconds": round(took_s, 3),
        "times_real_time": round(runs * model.horizon_s / took_s),
        "scopes": [{"id": one.id, "level": one.of.value, "ko": one.name.ko, "en": one.name.en} for one in built.scopes],
        "levers": [asdict(one) for one in levers],
        "baseline": told(baseline),
        "swings": swings(baseline, ((lever, side, runs) for (lever, side, _), runs in zip(steps, others, strict=True))),
        "fits": [_fit(row) for row in built.rows],
        "history": {
            "from": iso_from_ns(built.from_ns),
            "hours": round((model.start_ns - built.from_ns) / NS_PER_S / 3600, 3),
        },
    }


def backtest(  # noqa: PLR0913  what a back-test is of
    builder: Builder,
    horizon_s: float,
    history_s: float,
    times: int,
    replications: int,
    *,
    seed: int = 1,
    workers: int = 0,
    progress: Callable[[float], None] = lambda _: None,
) -> dict[str, Any]:
    """Forecast recorded hours from their start, each with laws from the time before it, and tell the error."""
    first_ns = builder.first_ns + round(min(history_s, horizon_s) * NS_PER_S)
    last_ns = builder.newest_ns - round(horizon_s * NS_PER_S)
    starts = [] if last_ns < first_ns else np.linspace(first_ns, last_ns, times).astype(np.int64).tolist()
    built = [builder.build(at_ns, horizon_s, history_s) for at_ns in sorted(set(starts))]
    runs = run_all([(one.model,) for one in built], seed, replications, workers=workers, progress=progress)
    rows: dict[str, dict[str, list[tuple[float, float, float, float]]]] = {}
    for one, (baseline,) in zip(built, runs, strict=True):
        forecast, actual = told(baseline), one.actual()
        for scope, figures in (actual or {}).items():
            for name in BACKTESTED:
                said, was = forecast[scope].get(name), figures["figures"].get(name)
                if said is not None and was is not None:
                    rows.setdefault(scope, {}).setdefault(name, []).append((said["mean"], *said["range"], was))
    return {
        "site": builder.site.id,
        "hours": horizon_s / 3600,
        "from": [iso_from_ns(one.model.start_ns) for one in built],
        "replications": replications,
        "error": {scope: {name: _error(found) for name, found in each.items()} for scope, each in rows.items()},
    }


def _error(rows: list[tuple[float, float, float, float]]) -> dict[str, Any]:
    """Bias and mean absolute error, as they are and in parts of what was; how often it lay in nine in ten runs."""
    said, low, high, was = np.array(rows).T
    known = was != 0
    return {
        "n": len(rows),
        "bias": float((said - was).mean()),
        "bias_ratio": float((said - was).mean() / was.mean()) if was.mean() else None,
        "mape": float(np.abs((said - was)[known] / was[known]).mean()) if known.any() else None,
        "within_range": float(((low <= was) & (was <= high)).mean()),
        "within_expected": 0.9,
        "forecast": said.tolist(),
        "actual": was.tolist(),
    }


def _fit(row: FitRow) -> dict[str, Any]:
    fit = row.fit
    return {
        "asset": row.asset, "what": row.what, "n": fit.count, "used": fit.used, "family": fit.family,
        "parameters": dict(fit.parameters), "aic": dict(fit.aic), "ks": fit.distance, "p": fit.p,
        "anderson_darling": fit.anderson, "why": fit.why, "mean_s": round(fit.law.mean_s, 3),
        "edges_s": list(fit.edges_s), "bars": list(fit.bars), "curve": list(fit.curve),
    }  # fmt: skip
