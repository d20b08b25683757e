"""`twin export`: episodes as a dataset that others can train on, entered in the catalogue."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboards.cli._output import note, print_json
from dashboards.cli._progress import bar, keeping_ctrl_c
from dashboards.cli.desk import HERE, desk_of, who
from dashboards.cli.episodes import FactoryFile, Filter, Url, place_of
from dashboards.cli.store import Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.desk import Desk
    from connectors.exporters.plan import Offer
    from connectors.privacy.cloak import Cloak
    from twin.config import Factory
    from twin.episodes import Episode
    from twin.episodes.rules import EpisodeRules
    from twin.sample import Stream


def export(  # noqa: PLR0915  one verb, step by step
    places: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME] DIR", help="A new folder; before it a recording's name: only what was measured in its time."
        ),
    ],
    *,
    to: Annotated[str, typer.Option("--to", help="The format: lerobot, mcap or parquet.")] = "lerobot",
    licence: Annotated[str, typer.Option("--licence", help="SPDX identifier; without one nothing goes out.")] = "",
    fps: Annotated[int, typer.Option("--fps", help="Frames a second; mcap holds every sample as it came.")] = 10,
    which: Filter = "all",
    url: Url = "",
    factory: FactoryFile = None,
    name: Annotated[str, typer.Option("--name", help="The dataset's name; the folder's unless given.")] = "",
    description: Annotated[str, typer.Option("--description", help="For the card.")] = "",
    recipient: Annotated[str, typer.Option("--to-whom", help="Who gets it, for the ledger of the hub.")] = "",
    allow_defects: Annotated[
        bool, typer.Option("--allow-defects", help="Write episodes with defects too; without it they are refused.")
    ] = False,
    version: Annotated[
        str, typer.Option("--dataset-version", help="MAJOR.MINOR.PATCH; the next one of its name unless given.")
    ] = "",
    changes: Annotated[str, typer.Option("--changes", help="What is new in this version, one line.")] = "",
    title_ko: Annotated[str, typer.Option("--title-ko", help="For the catalogue, in Korean.")] = "",
    title_en: Annotated[str, typer.Option("--title-en", help="For the catalogue, in English.")] = "",
    contact: Annotated[str, typer.Option("--contact", help="Whom others write to; hub.contact unless given.")] = "",
    derived: Annotated[
        list[str] | None,
        typer.Option("--derived-from", help="A dataset of the catalogue that this was made with, ID[@VERSION]."),
    ] = None,
    pseudonyms: Annotated[
        bool, typer.Option("--pseudonyms", help="Tell people by keyed pseudonyms, the same in all of this hub's sets.")
    ] = False,
    hash_parts: Annotated[
        bool, typer.Option("--hash-parts", help="Tell part, serial and lot numbers by keyed hashes.")
    ] = False,
    part_signals: Annotated[
        str, typer.Option("--part-signals", help="More signals that name parts: NAME,NAME.", metavar="NAMES")
    ] = "",
    shift_time: Annotated[
        str,
        typer.Option("--shift-time", help="Shift every time by SECONDS, or by random: then not even the papers say."),
    ] = "",
    secret: Annotated[
        Path | None, typer.Option("--secret", help="The hub's secret; a file beside the desk unless given.")
    ] = None,
    json: Json = False,
) -> None:
    """Write episodes as a dataset with croissant.json, checksums, provenance and a card in Korean and English.

    lerobot is a LeRobotDataset v3.0, mcap raw ROS 2 messages, parquet plain tables. An export that was stopped
    leaves what is finished in DIR.part: the same command goes on from there. Each export is a version of the
    dataset of its name in the catalogue (twin datasets list): the same data again are the same version.
    """
    from connectors.datasets.intake import made
    from connectors.desk import episodes as book
    from connectors.desk import exports, generated
    from connectors.episodes.filter import pick
    from connectors.episodes.reading import streams_of
    from connectors.exporters.croissant import licence_of
    from connectors.exporters.export import export as write
    from connectors.exporters.part import part_of
    from connectors.exporters.plan import FORMATS, Terms
    from connectors.privacy.asked import Asked
    from connectors.privacy.making import cloak_of
    from connectors.privacy.secret import secret_file
    from connectors.quality.gate import gate, manifest_of
    from connectors.stores.sql import open_history
    from dashboards import __version__
    from twin.episodes.rules import rules_for
    from twin.errors import EpisodeError

    if to not in FORMATS:
        raise typer.BadParameter(f"--to {to}: there are {', '.join(FORMATS)}")
    recording, folder = _places(places)
    spdx = licence_of(licence)
    place, known = place_of(url, factory)
    done = 0
    try:
        with ExitStack() as stack:
            desk = stack.enter_context(desk_of(factory or HERE, place))
            history = stack.enter_context(closing(open_history(place, mapped=False)))
            chosen = pick(_held(desk, recording, book.episodes(desk)), which)
            if not chosen:
                where = f" in the recording {recording}" if recording else ""
                raise EpisodeError(f"no episode is meant{where}", "cut some (twin episodes cut), or choose others")
            streams = streams_of(history)
            defective = gate(history, streams, chosen, known, allow_defects=allow_defects)
            asset = chosen[0].asset
            skip = _labels_among(streams.get(asset, ()), rules_for(known.episodes if known is not None else (), asset))
            look = stack.enter_context(keeping_ctrl_c())
            show = stack.enter_context(bar("episodes"))
            terms = Terms(name or folder.resolve().name, spdx, f"factory-twin {__version__}", description)

            asked = {"version": version, "changes": changes, "contact": contact}
            offer = _offer(desk, known, terms.name, to, asked, {"ko": title_ko, "en": title_en}, derived or [])
            private = Asked(pseudonyms, hash_parts, tuple(filter(None, part_signals.split(","))), shift_time)
            key = secret or secret_file(place, factory.resolve().parent if factory is not None else None)
            mine = streams.get(asset, ())
            cloak = cloak_of(desk, history, mine, chosen, private, key, f"{offer.hub}/{terms.name}")

            typed = {
                "name": terms.name, "description": description, "title-ko": title_ko, "title-en": title_en,
                "changes": changes,
            }  # fmt: skip
            _unnamed(cloak, typed)

            def told(count: int) -> None:
                nonlocal done
                done = count
                look()
                show(count / len(chosen))

            simulated = generated.made_of(desk, (one.id for one in chosen))
            answer = write(
                to, history, streams, chosen, folder, fps, terms, skip=skip, told=told,
                labels=book.every_label(desk), offer=offer, cloak=cloak, made_of=simulated,
            )  # fmt: skip
            ids, manifest = tuple(one.id for one in chosen), manifest_of(folder)
            out = exports.Export(terms.name, to, spdx, ids, manifest, recipient, with_defects=defective)
            answer["export"] = exports.keep(desk, who(), out)
            entry = made(desk, who(), folder)
            answer |= {"id": entry.claims.id, "version": entry.claims.version, "changes": entry.claims.changes}
    except KeyboardInterrupt:
        kept = f"{done} episodes lie in {part_of(folder)}: the same command goes on from there"
        note(f"stopped; {kept}" if done else "stopped; nothing was finished")
        raise typer.Exit(1) from None
    if json:
        print_json(answer)
        return
    rate = f" at {fps} fps" if "fps" in answer else ""
    typer.echo(
        f"{answer['folder']}: {answer['episodes']} episodes ({answer['resumed']} were there before), "
        f"{answer['frames']} frames{rate}, {answer['success']} succeeded; {answer['id']} {answer['version']}"
    )


def _places(words: Sequence[str]) -> tuple[str, Path]:
    """(recording or "", folder) of what stands without an option."""
    if len(words) > 2:  # noqa: PLR2004  NAME DIR
        raise typer.BadParameter(f"one folder, and a recording's name before it, not {' '.join(words)}")
    return (words[0] if len(words) > 1 else ""), Path(words[-1])


def _held(desk: Desk, recording: str, episodes: Sequence[Episode]) -> Sequence[Episode]:
    """The episodes that lie whole in a recording; all where none is named. Raises where it is not known."""
    from connectors.desk import recordings

    if not recording:
        return episodes
    one = recordings.recording(desk, recording)
    return [
        each for each in episodes if each.site == one.site and one.from_ns <= each.start_ns and each.end_ns <= one.to_ns
    ]


def _unnamed(cloak: Cloak, words: dict[str, str]) -> None:
    """What is typed for the papers names nobody either; raises EpisodeError otherwise. A contact may be a person."""
    from twin.errors import EpisodeError

    for option, text in words.items():
        if cloak.text(text) != text:
            raise EpisodeError(
                f"--{option} {text!r} names somebody, or a part, that is to be taken out",
                f"write it without, as in {cloak.text(text)!r}",
            )


def _offer(
    desk: Desk,
    known: Factory | None,
    name: str,
    to: str,
    asked: dict[str, str],
    title: dict[str, str],
    derived: Sequence[str],
) -> Offer:
    """How it stands in the catalogue, with what was made of its name before."""
    from connectors.datasets.intake import named
    from connectors.datasets.reading import lineage_of
    from connectors.desk import datasets as catalogue
    from connectors.exporters.plan import Offer
    from twin.datasets import order_of

    if asked["version"]:
        order_of(asked["version"])  # before anything is written
    hub = known.hub if known is not None else None
    hub_id = hub.id if hub is not None else ""
    names: dict[str, Any] = {"ko": hub.name.ko, "en": hub.name.en} if hub is not None else {}
    parents = [named(desk, text) for text in derived]
    return Offer(
        hub_id, names, {key: text for key, text in title.items() if text},
        asked["contact"] or (hub.contact if hub is not None else ""), asked["version"], asked["changes"],
        catalogue.editions(desk, hub_id, name, to),
        tuple(lineage_of(Path(one.place), one.claims) for one in parents),
    )  # fmt: skip


def _labels_among(streams: Sequence[Stream], rules: EpisodeRules) -> frozenset[str]:
    """The signals that number cycles or tell of failure: labels, and no measurement."""
    from connectors.episodes.reading import is_cycle, is_failure

    return frozenset(
        one.name for stream in streams for one in stream.signals if is_failure(one, rules) or is_cycle(one, rules)
    )
