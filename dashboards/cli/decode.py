"""`twin decode`, `twin conformance` and `twin plugins`: what messages mean, and how devices keep to their standards."""

from __future__ import annotations

import logging
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from dashboards.cli._output import note, print_json

if TYPE_CHECKING:
    from connectors.trial import Outcome, Trial
    from twin.config import Factory
    from twin.message import Message
    from twin.ports import FindingCount

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Capture = Annotated[
    Path | None, typer.Option("--capture", help="A recorded file (.jsonl), or a table (.csv, needs --map).")
]
Options = Annotated[
    list[str] | None,
    typer.Option("--options", help="The dialect's options: KEY=VALUE (as TOML), or a TOML file; again for more."),
]
Mapping = Annotated[Path | None, typer.Option("--map", help="How a CSV's columns become messages.")]
ANYTHING = "auto"


def decode(
    *,
    dialect: Annotated[str, typer.Option("--dialect", help="The dialect: `twin plugins decoders` lists them.")] = "",
    capture: Capture = None,
    options: Options = None,
    config: Annotated[Path | None, typer.Option("--config", help="A factory file: its sources decode.")] = None,
    topic: Annotated[str, typer.Option("--topic", help="The topic of one message, whose payload is on stdin.")] = "",
    mapping: Mapping = None,
    json: Json = False,
) -> None:
    """Print what messages mean, or why they do not; nothing is stored."""
    from connectors.factory_file import read_factory
    from connectors.wall_clock import WallClock
    from twin.message import Message

    if bool(capture) == bool(topic) or bool(dialect) == bool(config):
        note(
            "give --dialect NAME or --config FACTORY.toml, and --capture FILE or --topic TOPIC with a payload on stdin"
        )
        raise typer.Exit(2)
    factory = None if config is None else read_factory(config)
    trial = _trial(dialect, options, factory)
    if topic:
        message = Message(topic, sys.stdin.buffer.read(), WallClock().now_ns(), 1)
        _one(trial, factory, dialect, message, json=json)
        return
    refused: dict[int, str] = {}
    for number, message in enumerate(_messages(capture, mapping), 1):
        sources = [dialect] if factory is None else _takers(factory, message.topic)
        if not sources:
            refused[number] = message.topic
        for source in sources:
            trial.feed(source, message)
        _print(trial.outcome, json=json)
    _print(trial.end(), json=json)
    for name in refused.values():
        _refusal({"topic": name, "reason": "no_source", "detail": "no source of the factory file takes it"}, json=json)
    outcome, unheard = trial.outcome, len(refused)
    handled = ", ".join(f"{count} {kind}" for kind, count in outcome.handled.items()) or "0"
    note(
        f"{outcome.messages + unheard} messages: {outcome.counted} samples, {outcome.rejected + unheard} rejected, "
        f"{handled} handled"
    )


def conformance(
    *,
    capture: Capture = None,
    dialect: Annotated[
        str, typer.Option("--dialect", help="With --capture: the dialect; else each message's is guessed.")
    ] = ANYTHING,
    options: Options = None,
    url: Annotated[
        str, typer.Option("--url", help="The store, where no capture is given.", envvar="TWIN__STORE__URL")
    ] = "",
    device: Annotated[str, typer.Option("--device", help="Of this device only.")] = "",
    mapping: Mapping = None,
    json: Json = False,
) -> None:
    """Print which rules of their standards devices broke, how often, and the last example."""
    found = _of_capture(capture, dialect, options, mapping) if capture else _of_store(url)
    rows = [
        {
            "device": one.device, "rule": one.rule, "count": one.count, "detail": one.detail,
            "first_ns": one.first_ns, "last_ns": one.last_ns, "source": one.source, "topic": one.topic,
        }
        for one in sorted(found, key=lambda one: (one.device, one.rule, one.source))
        if one.device == (device or one.device)
    ]  # fmt: skip
    if json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['device'] or '(others)'}: {row['rule']} ×{row['count']}: {row['detail']} [{row['source']}]")
    if not rows:
        typer.echo("no rule was broken")


def plugins(
    kind: Annotated[str, typer.Argument(help="decoders, sources or assets; all unless given.")] = "",
    *,
    json: Json = False,
) -> None:
    """List the plug-ins there are, our own and others', each with its first sentence."""
    from connectors.plugins import description, names

    kinds = ("decoders", "sources", "assets")
    if kind and kind not in kinds:
        note(f"there are no plug-ins of kind {kind!r}; there are {', '.join(kinds)}")
        raise typer.Exit(2)
    rows = [
        {"kind": each, "name": name, "description": description(each, name)}
        for each in kinds
        if each == (kind or each)
        for name in names(each)
    ]
    if json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['kind']:9} {row['name']:15} {row['description']}")


def _trial(dialect: str, options: list[str] | None, factory: Factory | None) -> Trial:
    from connectors.trial import all_sources, one_dialect

    # What is refused is printed; the log would say it again.
    logging.getLogger("connectors.ingest.decoding").setLevel(logging.ERROR)
    return one_dialect(dialect, read_options(options or [])) if factory is None else all_sources(factory)


def _takers(factory: Factory, topic: str) -> list[str]:
    from connectors.trial import takers

    return [source.name for source in takers(factory, topic)]


def _messages(capture: Path | None, mapping: Path | None) -> Any:
    from connectors.recorded import Tally, read_recorded

    assert capture is not None  # noqa: S101  for the type checker
    return read_recorded(capture, mapping, Tally())


def _print(outcome: Outcome, *, json: bool) -> None:
    """Print and count what has come of messages since the last call."""
    for row in outcome.take_samples():
        typer.echo(msgspec.json.encode(row).decode() if json else _sentence(row))
    for one in outcome.take_refused():
        _refusal({"topic": one.topic, "reason": one.reason, "detail": one.detail}, json=json)


def _sentence(row: dict[str, Any]) -> str:
    about = f"t_ns {row['t_ns']}, quality {row['quality']}, seq {row['seq']}"
    return f"{row['asset']}:{row['signal']} = {row['value']} ({about})"


def _refusal(row: dict[str, str], *, json: bool) -> None:
    sentence = f"rejected {row['topic']}: {row['reason']}: {row['detail']}"
    typer.echo(msgspec.json.encode(row).decode() if json else sentence)


def _one(trial: Trial, factory: Factory | None, dialect: str, message: Message, *, json: bool) -> None:
    """One message: which source takes it, and what comes of it; exit 1 where nothing does."""
    from connectors.trial import asked

    answers = asked(trial, [dialect] if factory is None else _takers(factory, message.topic), message)
    if json:
        print_json(answers)
    for answer in () if json else answers:
        typer.echo(f"source {answer['source']}")
        for row in answer["samples"]:
            typer.echo(f"  {_sentence(row)}")
        if answer["handled"]:
            typer.echo(f"  understood, without samples: {answer['handled']}")
        for row in answer["rejected"]:
            typer.echo(f"  rejected: {row['reason']}: {row['detail']}")
            if row["hint"]:
                typer.echo(f"  hint: {row['hint']}")
    if not answers:
        note(f"no source takes {message.topic!r}: add one whose topics match it")
        raise typer.Exit(1)
    if any(answer["rejected"] for answer in answers):
        raise typer.Exit(1)


def _of_capture(capture: Path, dialect: str, options: list[str] | None, mapping: Path | None) -> list[FindingCount]:
    from connectors.trial import one_dialect

    logging.getLogger("connectors.ingest.decoding").setLevel(logging.ERROR)
    trial = one_dialect(dialect, read_options(options or []), source=capture.stem)
    for message in _messages(capture, mapping):
        trial.feed(capture.stem, message)
        trial.outcome.take_samples()
        trial.outcome.take_refused()
    return list(trial.end().findings.values())


def _of_store(url: str) -> list[FindingCount]:
    from connectors.stores.sql import open_history

    if not url:
        note("give --capture FILE, or --url of a store")
        raise typer.Exit(2)
    history = open_history(url)
    try:
        return history.findings()
    finally:
        history.close()


def read_options(told: list[str]) -> dict[str, Any]:
    """``KEY=VALUE`` (a value that is no TOML is text; dots make tables) and files of TOML, laid over each other."""
    options: dict[str, Any] = {}
    for one in told:
        key, equals, value = one.partition("=")
        if not equals:
            try:
                options |= tomllib.loads(Path(one).read_text(encoding="utf-8"))
            except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                note(f"--options {one}: write KEY=VALUE, or the path of a TOML file ({error})")
                raise typer.Exit(2) from error
            continue
        table = options
        *tables, last = key.strip().split(".")
        for name in tables:
            table = table.setdefault(name, {})
        try:
            table[last] = tomllib.loads(f"v = {value}")["v"]
        except tomllib.TOMLDecodeError:
            table[last] = value
    return options
