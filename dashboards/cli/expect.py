"""`twin expect …`: what robot arms should do by a model of them, beside what they do."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboards.cli._output import note, print_json
from dashboards.cli.desk import desk_of, who
from dashboards.cli.processes import File, For, stop_after
from dashboards.cli.store import Json
from dashboards.cli.times import moment
from twin.clock import NS_PER_S, iso_from_ns

if TYPE_CHECKING:
    from connectors.desk.expectations import KeptFit
    from twin.config import Factory
    from twin.expectation import ArmFit
    from twin.sample import Frames

app = typer.Typer(help="What robot arms should do by a model of them, beside what they do.", no_args_is_help=True)
Url = Annotated[str, typer.Option("--url", help="The store; the factory file's unless given.")]
Arm = Annotated[str, typer.Option("--asset", help="This arm, or those below this path; all unless given.")]
From = Annotated[str, typer.Option("--from", help="Begin: ISO 8601 with offset, or ms since 1970.")]
To = Annotated[str, typer.Option("--to", help="End; the newest that is stored unless given.")]


@app.callback()
def _group() -> None:
    """What robot arms should do by a model of them, beside what they do."""


@app.command()
def fit(
    file: File,
    *,
    url: Url = "",
    asset: Arm = "",
    begin: From = "",
    end: To = "",
    hours: Annotated[
        float, typer.Option("--hours", min=0.05, max=48, help="Without --from: so long before the end.")
    ] = 2.0,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only tell, keep nothing.")] = False,
    json: Json = False,
) -> None:
    """Calibrate arms from a time in which they were well: torque a joint, cycle, program steps; exit 1 for none.

    A joint's torque is fitted by least squares to the most that is known of the arm's `model`: its published dynamics,
    its published geometry, or nothing but how many joints it has. The fit is kept; the newest one counts.
    """
    from connectors.desk import expectations
    from connectors.expect.reading import arms_of, fit_from
    from connectors.stores.sql import open_history
    from twin.errors import ExpectationError

    factory = _factory(file, url)
    with ExitStack() as stack:
        history = stack.enter_context(closing(open_history(factory.store.url)))
        end_ns = moment(end, "--to") if end else (history.summary().last_ns or 0) + 1
        start_ns = moment(begin, "--from") if begin else end_ns - round(hours * 3600 * NS_PER_S)
        desk = None if dry else stack.enter_context(desk_of(file, factory.store.url))
        made: list[ArmFit] = []
        for arm in arms_of(factory.hub, asset):
            try:
                one = fit_from(history, arm, start_ns, end_ns)
            except ExpectationError as error:
                note(str(error))
                continue
            if any(
                event.alarm.partition(":")[0] == arm.id
                for event in history.alarm_events(start_ns, end_ns, asset=arm.id)
            ):
                note(
                    f"{arm.id} had alarms in that time: fit it to one in which it was well, if these were of its motion"
                )
            if desk is not None:
                expectations.keep(desk, who(), one)
            made.append(one)
            if not json:
                typer.echo(_line(one))
    if json:
        print_json({"from_ns": start_ns, "to_ns": end_ns, "kept": not dry, "fits": [one.told() for one in made]})
    if not made:
        raise typer.Exit(1)


@app.command()
def show(
    file: File,
    *,
    url: Url = "",
    asset: Arm = "",
    begin: From = "",
    end: To = "",
    at: Annotated[str, typer.Option("--at", help="By the fits as they were then.")] = "",
    json: Json = False,
) -> None:
    """The fits and how good they are; with --from, how far the arms were off then; exit 1 where beyond the limit."""
    from connectors.desk import expectations
    from connectors.expect.reading import arms_of
    from connectors.expect.scoring import scored
    from connectors.plugins import asset_types
    from connectors.stores.sql import open_history
    from twin.assets.robot_arm import RESIDUAL_HIGH

    factory = _factory(file, url)
    with ExitStack() as stack:
        desk = stack.enter_context(desk_of(file, factory.store.url))
        kept = expectations.newest(desk, moment(at, "--at") if at else None)
        chosen = [kept[arm.id] for arm in arms_of(factory.hub, asset) if arm.id in kept]
        if not chosen:
            note(f"no arm was fitted yet: twin expect fit {file}")
            raise typer.Exit(1)
        if not begin:
            _tell_fits(chosen, json=json)
            return
        history = stack.enter_context(closing(open_history(factory.store.url)))
        start_ns = moment(begin, "--from")
        end_ns = moment(end, "--to") if end else (history.summary().last_ns or 0) + 1
        kind = asset_types()["robot_arm"]
        told = [_residuals(one.fit, scored(history, one.fit, kind, start_ns, end_ns)) for one in chosen]
    off = [one for one in told if any((joint["highest"] or 0.0) > RESIDUAL_HIGH for joint in one["joints"])]
    if json:
        print_json({"from_ns": start_ns, "to_ns": end_ns, "limit": RESIDUAL_HIGH, "arms": told})
    else:
        for one in told:
            typer.echo(_residual_line(one, RESIDUAL_HIGH))
    if off:
        raise typer.Exit(1)


@app.command()
def run(
    file: File,
    *,
    url: Url = "",
    begin: Annotated[str, typer.Option("--from", help="Begin there, and go on with what comes.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Where there is no store yet, or no fit, wait for it.")] = False,
    duration: For = None,
) -> None:
    """Follow the store, and publish what is expected of each fitted arm, beside how far it is off: as a device does."""
    from connectors.expect.run import run_expect
    from dashboards.supervise import stop_event

    factory = _factory(file, url)
    if not factory.expect.score:
        note("nothing is to be expected: write [expect] score = true, so that ingest hears what is said")
        raise typer.Exit(2)
    stop = stop_event()
    stop_after(stop, duration)
    rows = run_expect(factory, stop, moment(begin, "--from") if begin else None, note, patient=wait)
    note(f"{rows} rows published")


def _factory(file: File, url: str) -> Factory:
    from connectors.factory_file import read_factory

    factory = read_factory(file.resolve())
    return replace(factory, store=replace(factory.store, url=url)) if url else factory


def _line(one: ArmFit) -> str:
    """One arm on a line: how far its measured torques were from the expected ones, and what they are explained by."""
    joints = []
    for joint, found in enumerate(one.joints):
        if found is None:
            joints.append(f"J{joint + 1} not fitted: {one.refused[joint]}")
        else:
            joints.append(f"J{joint + 1} ±{found.spread_n_m:.2f} N·m (R² {found.explained:.3f})")
    cycle = f"; cycle {one.cycle.median_s:.1f} ± {one.cycle.spread_s:.1f} s of {one.cycle.count}" if one.cycle else ""
    return f"{one.asset}: {', '.join(joints)}{cycle}"


def _tell_fits(chosen: list[KeptFit], *, json: bool) -> None:
    from twin.expectation import told_of_basis
    from twin.expectation.basis import FRICTION

    if json:
        print_json(
            [
                {"n": one.n, "at_ns": one.at_ns, "who": one.who, "words": one.fit.basis.words, **one.fit.told()}
                for one in chosen
            ]
        )
        return
    for kept in chosen:
        one = kept.fit
        typer.echo(_line(one))
        typer.echo(
            f"  fit {kept.n} by {kept.who} at {iso_from_ns(kept.at_ns)}, of {iso_from_ns(one.start_ns)} to"
            f" {iso_from_ns(one.end_ns)}, frames {one.period_s:.2f} s apart"
        )
        typer.echo(f"  by {one.model}: {told_of_basis(one.basis)}")
        for joint, found in enumerate(one.joints):
            if found is None:
                continue
            # What is left of a term's prior says whether production told it: above a half it is the data sheet's.
            terms = [
                f"{name} {value:.3g}" + (" (not told)" if told > 0.5 else "")  # noqa: PLR2004
                for name, value, told in zip(one.basis.words, found.theta, found.told, strict=True)
            ]
            # Sixty numbers of which nothing was known say little one by one: friction is what a person looks for.
            shown = terms[-len(FRICTION) :] if one.basis.is_free else terms
            typer.echo(f"  J{joint + 1} of {found.rows} samples in motion: {', '.join(shown)}")
        if one.steps:
            typer.echo("  steps: " + ", ".join(f"{s.step} {s.median_s:.1f} ± {s.spread_s:.1f} s" for s in one.steps))


def _residuals(one: ArmFit, rows: Frames | None) -> dict[str, Any]:
    """Of each joint: the middle and the highest residual, when that was, and for how long it was beyond the limit."""
    import numpy as np

    from twin.assets.robot_arm import RESIDUAL_HIGH
    from twin.sample import Role

    joints: list[dict[str, Any]] = []
    for column, signal in enumerate(rows.stream.columns if rows is not None else ()):
        if signal.role is not Role.EFFORT_RESIDUAL or rows is None:
            continue
        values = rows.values[:, column]
        known = np.isfinite(values)
        if not known.any():
            joints.append({"joint": signal.index + 1, "median": None, "highest": None, "at_ns": None, "beyond_s": 0})
            continue
        at = int(np.nanargmax(values))
        joints.append(
            {
                "joint": signal.index + 1, "median": float(np.median(values[known])), "highest": float(values[at]),
                "at_ns": int(rows.t_ns[at]), "beyond_s": int((values[known] > RESIDUAL_HIGH).sum()),
            }
        )  # fmt: skip
    return {"asset": one.asset, "rows": 0 if rows is None else len(rows), "joints": joints}


def _residual_line(one: dict[str, Any], limit: float) -> str:
    if not one["joints"]:
        return f"{one['asset']}: nothing is stored of it then"
    told = []
    for joint in one["joints"]:
        if joint["highest"] is None:
            told.append(f"J{joint['joint']} –")
            continue
        beyond = (
            f" beyond {limit:g} for {joint['beyond_s']} s, most at {iso_from_ns(joint['at_ns'])}"
            if joint["beyond_s"]
            else ""
        )
        told.append(f"J{joint['joint']} {joint['median']:.1f}, at most {joint['highest']:.1f}{beyond}")
    return f"{one['asset']}: {'; '.join(told)}"
