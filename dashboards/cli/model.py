"""`twin model …`: anomaly models of one asset each: trained, evaluated, set to score, taken back."""

from __future__ import annotations

import inspect
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboards.cli._output import note, print_json
from dashboards.cli.desk import HERE, desk_of, who
from dashboards.cli.episodes import FactoryFile, Url, place_of
from dashboards.cli.store import Json
from dashboards.cli.times import moment
from twin.clock import NS_PER_S, iso_from_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connectors.models.book import Book, Entry
    from twin.ports import History

app = typer.Typer(help="Train anomaly models on recordings, judge them, and let them score.", no_args_is_help=True)
Named = Annotated[str, typer.Argument(metavar="NAME", help="The model.")]
Models = Annotated[
    str, typer.Option("--models", help="The models' folder; beside the store unless given.", metavar="DIR")
]
Version = Annotated[int, typer.Option("--version", help="Which version; the newest unless given.", min=0)]
Begin = Annotated[str, typer.Option("--from", help="Begin: ISO 8601 with an offset, or ms.")]
End = Annotated[str, typer.Option("--to", help="End.")]


@app.callback()
def _group() -> None:
    """Train anomaly models on recordings, judge them, and let them score."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the store and its models lie, as the options of every verb say it."""

    url: str
    factory: Path | None
    models: str


PLACE: tuple[tuple[str, Any, Any], ...] = (("url", Url, ""), ("factory", FactoryFile, None), ("models", Models, ""))
"""The options of a `Place`: name, option, default."""


def placed(verb: Callable[..., None]) -> Callable[..., None]:
    """A verb whose parameter ``place`` stands for the options of a `Place`, in its position."""

    @wraps(verb)
    def run(**given: Any) -> None:
        verb(place=Place(**{name: given.pop(name) for name, _, _ in PLACE}), **given)

    own = inspect.signature(verb, eval_str=True)
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=option)
        for name, option, default in PLACE
    ]
    parts = [options if one.name == "place" else [one] for one in own.parameters.values()]
    run.__dict__["__signature__"] = own.replace(parameters=[one for part in parts for one in part])
    return run


@dataclass(frozen=True, slots=True)
class _Opened:
    book: Book
    history: History


@contextmanager
def _opened(place: Place) -> Iterator[_Opened]:
    """A store's history and models; closed at the end of the block."""
    from connectors.models.book import Book
    from connectors.models.files import Shelf, folder_of
    from connectors.stores.sql import open_history

    url, known = place_of(place.url, place.factory)
    folder = folder_of(url, place.models or (known.models.folder if known is not None else ""))
    with ExitStack() as stack:
        history = stack.enter_context(closing(open_history(url)))
        desk = stack.enter_context(desk_of(place.factory or HERE, url))
        yield _Opened(Book(Shelf(folder), desk), history)


@app.command()
@placed
def train(
    name: Named,
    *,
    asset: Annotated[str, typer.Option("--asset", help="The asset's id.")],
    place: Place,
    recording: Annotated[list[str] | None, typer.Option("--recording", help="Learn from this recording.")] = None,
    begin: Begin = "",
    end: End = "",
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only in this PackML state; Execute unless given; any: all.")
    ] = None,
    mode: Annotated[list[str] | None, typer.Option("--mode", help="Only in this mode; any unless given.")] = None,
    signal: Annotated[list[str] | None, typer.Option("--signal", help="Only this number; every gauge.")] = None,
    window: Annotated[float, typer.Option("--window", help="Seconds that a window is long.", min=1)] = 60.0,
    step: Annotated[float, typer.Option("--step", help="Seconds between its rows.", min=0.05)] = 1.0,
    budget: Annotated[
        float, typer.Option("--budget", help="Which share of good windows may lie beyond a limit.")
    ] = 0.001,
    share: Annotated[float, typer.Option("--share", help="How much of the variance the components hold.")] = 0.95,
    seed: Annotated[int, typer.Option("--seed", help="The forest's seed.", min=0)] = 1,
    no_forest: Annotated[bool, typer.Option("--no-forest", help="No second opinion.")] = False,
    by: Annotated[str, typer.Option("--by", hidden=True)] = "",
    json: Json = False,
) -> None:
    """Learn how an asset is while all is well. What people marked as an anomaly is left out, and what is stale.

    The same recordings and options give the same files to the byte, and no new version.
    """
    from connectors.models.train import Order
    from connectors.models.truth import marked
    from twin.anomaly import Window

    with _opened(place) as opened:
        spans = _spans(opened, asset, recording or [], begin, end)
        wrong = marked(opened.book.desk, asset)
        order = Order(
            name, asset, spans, tuple(state or ()), tuple(mode or ()), tuple(signal or ()),
            tuple((one.start_ns, one.end_ns) for one in wrong),
            Window(round(step * NS_PER_S), max(1, round(window / step))), share, budget, seed, not no_forest,
        )  # fmt: skip
        version, model, is_new = opened.book.train(opened.history, order, by or who())
        folder = opened.book.shelf.place(name, version)
    if json:
        print_json({"version": version, "new": is_new, "folder": str(folder), **model.told()})
        return
    training = model.training
    typer.echo(f"{name} {version}{'' if is_new else ' (the same as before)'}: {asset}, {model.regime.told()}")
    typer.echo(
        f"  {len(model.watched)} signals, {model.components} components hold {model.explained:.1%};"
        f" {training.fitted} windows fitted, {training.held_out} held out"
    )
    typer.echo(
        f"  limits at {model.limits.budget:g}: T² {model.limits.t2:.2f} (theory {model.limits.t2_theory:.2f}),"
        f" Q {model.limits.q:.2f} (theory {model.limits.q_theory:.2f})"
    )
    told = ", ".join(
        f"{why.replace('_', ' ')} {seconds / 60:.0f} min" for why, seconds in training.left_out.items() if seconds
    )
    typer.echo(f"  left out: {told or 'nothing'}" + "".join(f"; {one} ({why})" for one, why in training.unseen.items()))
    typer.echo(f"  {folder}\n  next: twin model activate {name}")


@app.command(name="list")
@placed
def list_(*, place: Place, json: Json = False) -> None:
    """Print the models, their versions, and how they stand."""
    with _opened(place) as opened:
        entries = opened.book.entries()
    if json:
        print_json([_row(one) for one in entries])
        return
    for one in entries:
        kept = one.standing
        typer.echo(
            f"{kept.name} {kept.version}  {kept.state:8} {kept.asset}  "
            f"{one.model.regime.told() if one.model else one.wrong}"
            f"  trained {iso_from_ns(kept.trained_ns)} by {kept.trained_by}"
        )
    note(f"{len(entries)} versions")


@app.command()
@placed
def show(
    name: Named,
    *,
    place: Place,
    version: Version = 0,
    json: Json = False,
) -> None:
    """Print what a version is, from what it was made, and its last evaluation; its files are checked (exit 2)."""
    with _opened(place) as opened:
        entry = opened.book.find(name, version)
        for file in entry.kept.files:
            opened.book.shelf.file(entry.kept, entry.standing.version, file)
    if json:
        print_json({**_row(entry), "model": entry.kept.told(), "table": entry.standing.table})
        return
    kept, model = entry.standing, entry.kept
    typer.echo(f"{kept.name} {kept.version} ({kept.state}): {kept.asset}, {model.regime.told()}")
    for start_ns, end_ns in model.training.spans:
        typer.echo(f"  learned from {iso_from_ns(start_ns)} to {iso_from_ns(end_ns)}")
    typer.echo(
        f"  windows of {model.window.rows} rows, {model.window.step_ns / NS_PER_S:g} s apart:"
        f" {', '.join(model.signals)}"
    )
    typer.echo(f"  limits: T² {model.limits.t2:.2f}, Q {model.limits.q:.2f}; data {model.training.sha256[:16]}…")
    for file, digest in model.files.items():
        typer.echo(f"  {file} {digest}")
    if kept.table is not None:
        print_table(dict(kept.table))


@app.command()
@placed
def score(
    name: Named,
    *,
    place: Place,
    version: Version = 0,
    begin: Begin = "",
    end: End = "",
    json: Json = False,
) -> None:
    """Score a stretch of the store; exit 1 where there were alarms."""
    from connectors.models.score import score_stretch

    with _opened(place) as opened:
        entry, span = _entry_and_span(opened, name, version, begin, end)
        model, shelf = entry.kept, opened.book.shelf
        number = entry.standing.version
        scored = score_stretch(opened.history, model, shelf.scorer(model, number), shelf.forest(model, number), *span)
    spells = _spells(scored, model.signals)
    there = scored.there
    answer = {
        "model": name, "version": number, "from_ns": span[0], "to_ns": span[1], "steps": len(scored.t_ns),
        "scored": int(there.sum()), "beyond": int((scored.worst[there] > 1).sum()), "alarms": spells,
    }  # fmt: skip
    if json:
        print_json(answer)
    else:
        for one in spells:
            typer.echo(
                f"{iso_from_ns(one['from_ns'])}  {one['seconds']:8.0f} s"
                f"  {one['highest']:10.2f} × limit  {one['sensor']}"
            )
        typer.echo(
            f"{answer['scored']} of {answer['steps']} steps scored, {answer['beyond']} beyond a limit,"
            f" {len(spells)} alarms"
        )
    if spells:
        raise typer.Exit(1)


@app.command(name="evaluate")
@placed
def evaluate_(
    name: Named,
    *,
    place: Place,
    version: Version = 0,
    begin: Begin = "",
    end: End = "",
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth", help="A simulator's faults (…-faults.jsonl); else anomalies marked in episodes.", exists=True
        ),
    ] = None,
    aftermath: Annotated[
        float, typer.Option("--aftermath", help="Seconds after a fault that count neither way.", min=0)
    ] = 600.0,
    json: Json = False,
) -> None:
    """How a model does against a known truth, beside whoever cries always; the table is kept with the model."""
    from connectors.models.evaluate import evaluate
    from connectors.models.truth import marked, simulated

    with _opened(place) as opened:
        entry, span = _entry_and_span(opened, name, version, begin, end)
        model, shelf = entry.kept, opened.book.shelf
        wrong = simulated(truth, model.asset) if truth else marked(opened.book.desk, model.asset)
        if not any(one.start_ns < span[1] and one.end_ns > span[0] for one in wrong):
            note(
                f"nothing is known to have been wrong with {model.asset} there:"
                " give --truth, or mark anomalies in episodes"
            )
            raise typer.Exit(2)
        number = entry.standing.version
        table = evaluate(
            opened.history, model, shelf.scorer(model, number), shelf.forest(model, number), *span, wrong, aftermath
        )
        opened.book.evaluated(entry, table, who())
    if json:
        print_json({"version": number, **table})
    else:
        print_table(table)


@app.command()
@placed
def activate(
    name: Named,
    *,
    place: Place,
    version: Version = 0,
    json: Json = False,
) -> None:
    """Let a version score what comes in, in place of another version of that name."""
    with _opened(place) as opened:
        entry = opened.book.find(name, version)
        retired = opened.book.activate(entry, who())
    kept = entry.standing
    if json:
        print_json(
            {"name": kept.name, "version": kept.version, "state": "active", "retired": [one.version for one in retired]}
        )
        return
    typer.echo(
        f"{kept.name} {kept.version} scores {kept.asset}" + "".join(f"; {one.version} is retired" for one in retired)
    )
    note("it does where the factory file says [models] score = true")


@app.command()
@placed
def retire(
    name: Named,
    *,
    place: Place,
    version: Version = 0,
    json: Json = False,
) -> None:
    """Let a version score no more; its files stay."""
    with _opened(place) as opened:
        active = [one for one in opened.book.active() if one.standing.name == name]
        entry = active[0] if active and not version else opened.book.find(name, version)
        opened.book.retire(entry, who())
    if json:
        print_json({"name": name, "version": entry.standing.version, "state": "retired"})
    else:
        typer.echo(f"{name} {entry.standing.version} is retired")


@app.command(name="export")
@placed
def export_(
    name: Named,
    out: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder for its files.")],
    *,
    place: Place,
    version: Version = 0,
    json: Json = False,
) -> None:
    """Copy a version's ONNX files and its JSON, checked, for a runtime elsewhere."""
    from connectors.models.files import ABOUT

    if out.exists() and any(out.iterdir()):
        note(f"{out} is there and not empty: name a new folder")
        raise typer.Exit(2)
    with _opened(place) as opened:
        entry = opened.book.find(name, version)
        model, number = entry.kept, entry.standing.version
        shelf = opened.book.shelf
        files = {file: shelf.file(model, number, file) for file in model.files}
        files[ABOUT] = (shelf.place(name, number) / ABOUT).read_bytes()
        opened.book.desk.note(who(), "model.export", f"{name} {number}", {"to": out.name})
    out.mkdir(parents=True, exist_ok=True)
    for file, data in files.items():
        (out / file).write_bytes(data)
    if json:
        print_json(
            {
                "name": name,
                "version": number,
                "folder": str(out),
                "files": {one: len(data) for one, data in files.items()},
            }
        )
    else:
        typer.echo("\n".join(f"{out / file}  {len(data)} bytes" for file, data in files.items()))


def _spans(opened: _Opened, asset: str, recordings: list[str], begin: str, end: str) -> tuple[tuple[int, int], ...]:
    """The times to learn from: those of recordings, else from and to, else all that the asset told."""
    from connectors.desk.recordings import recording
    from connectors.models.choose import streams_for

    if recordings:
        found = [recording(opened.book.desk, one) for one in recordings]
        return tuple(sorted((one.from_ns, one.to_ns) for one in found))
    told = opened.history.by_stream()
    mine = [told[one.id] for one in streams_for(opened.history, asset) if one.id in told]
    first = moment(begin, "--from") if begin else min(one.first_ns for one in mine)
    last = moment(end, "--to") if end else max(one.last_ns for one in mine) + 1
    return ((first, last),)


def _entry_and_span(opened: _Opened, name: str, version: int, begin: str, end: str) -> tuple[Entry, tuple[int, int]]:
    entry = opened.book.find(name, version)
    ((first, last),) = _spans(opened, entry.standing.asset, [], begin, end)
    if last <= first:
        note("--to lies before --from")
        raise typer.Exit(2)
    return entry, (first, last)


def _row(entry: Entry) -> dict[str, Any]:
    kept, model = entry.standing, entry.model
    return {
        "name": kept.name, "version": kept.version, "state": kept.state, "asset": kept.asset, "sha256": kept.sha256,
        "regime": model.regime.told() if model else None, "signals": len(model.watched) if model else None,
        "trained_ns": kept.trained_ns, "trained_by": kept.trained_by, "wrong": entry.wrong,
    }  # fmt: skip


def _spells(scored: Any, signals: tuple[str, ...]) -> list[dict[str, Any]]:
    """Alarms one after the other: from, seconds, the highest ratio, and whom it blames."""
    import numpy as np

    edges = np.flatnonzero(np.diff(np.concatenate([[False], scored.alarm, [False]]).astype(np.int8)))
    found = []
    for first, after in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        worst = scored.worst[first:after]
        at = first + int(np.nanargmax(worst)) if (~np.isnan(worst)).any() else first
        blame = scored.blame[at]
        found.append(
            {
                "from_ns": int(scored.t_ns[first]),
                "seconds": (int(scored.t_ns[after - 1]) - int(scored.t_ns[first])) / NS_PER_S,
                "highest": float(np.nanmax(worst)) if (~np.isnan(worst)).any() else 0.0,
                "sensor": "" if np.isnan(blame).any() else signals[int(blame.argmax())],
            }
        )
    return found


ROWS = {
    "t2": "T²",
    "q": "Q",
    "t2_or_q": "T² or Q",
    "alarm": "alarm (persisting)",
    "forest": "forest",
    "always": "always positive",
}


def print_table(table: dict[str, Any]) -> None:
    """An evaluation for people."""
    from rich.console import Console
    from rich.table import Table

    typer.echo(
        f"{table['model']}: {table['windows']:,} windows in {table['regime']}, {table['anomalous']:.1%} anomalous;"
        f" {table['aftermath_s']:g} s after each fault count neither way"
    )
    shown = Table(box=None, pad_edge=False)
    for head in ("detector", "FAR", "MAR", "precision", "F1", "AUROC", "AUPRC"):
        shown.add_column(head, justify="left" if head == "detector" else "right", no_wrap=True)
    for row in table["rows"]:
        shares = (_share(row[one]) for one in ("far", "mar", "precision"))
        shown.add_row(ROWS[row["name"]], *shares, *(_number(row[one]) for one in ("f1", "auroc", "auprc")))
    Console(width=120).print(shown)
    for one in table["faults"]:
        delay = "" if one["delay_s"] is None else f", after {one['delay_s']:.0f} s, by {one['blamed']}"
        typer.echo(
            f"  {one['kind']:18} {one['count']:3} times, {one['seen']} could be scored, {one['alarmed']} alarmed{delay}"
        )
    away = table["not_scored"]
    typer.echo(
        f"  not scored: {away['normal_s'] / 3600:.1f} h, and {away['anomalous_s'] / 3600:.1f} h of what was wrong"
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2%}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
