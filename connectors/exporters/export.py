"""An export of episodes in any format: refused, resumed, written episode after episode, and named when it is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.exporters.croissant import licence_of
from connectors.exporters.frames import shape_of
from connectors.exporters.papers import store_hashes, write_papers
from connectors.exporters.part import opened, part_of
from connectors.exporters.plan import BARE, FORMATS, Made, Plan
from connectors.privacy.asked import numbered
from connectors.privacy.cloak import Cloak, labels_told
from connectors.privacy.history import CloakedHistory
from twin.errors import EpisodeError, ExportError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from connectors.exporters.plan import Dataset, Offer, Readable, Terms, Told
    from twin.episodes import Episode, Label
    from twin.ports import History
    from twin.sample import Stream

MAX_FPS = 1000
NOTHING = Cloak()
"""Takes nothing out, but who made an episode by hand: that stays in the hub."""


def export(  # noqa: PLR0913  what a dataset is a function of
    to: str,
    history: History,
    streams: Mapping[str, Sequence[Stream]],
    episodes: Sequence[Episode],
    folder: Path,
    fps: int,
    terms: Terms,
    *,
    skip: frozenset[str] = frozenset(),
    labels: Mapping[str, Sequence[Label]] | None = None,
    offer: Offer = BARE,
    cloak: Cloak = NOTHING,
    made_of: Mapping[str, Mapping[str, str | float]] | None = None,
    told: Callable[[int], None] = lambda _done: None,
) -> dict[str, Any]:
    """Write a dataset of some episodes of one asset; the same input gives the same bytes. Returns it in numbers.

    ``to`` is one of FORMATS. The folder must not exist, or be empty: it appears whole, or not at all. What was
    finished of an export that ended before stands in ``DIR.part`` and is taken up; nothing but one episode is
    held at a time. ``streams`` are those of each asset, ``skip`` signals that are labels and no measurement,
    ``told`` hears how many episodes are done; ``cloak`` is what must not leave the hub; ``made_of`` what
    simulated episodes were made of. Raises EpisodeError, and
    ExportError where the disk does not take it.
    """
    licence_of(terms.licence)
    plan = _plan(to, history, streams, episodes, fps, terms, skip, labels or {}, offer, cloak, made_of or {})
    target = folder.absolute()  # "." has no name to add .part to
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise EpisodeError(f"{folder} is not empty", "name a new folder, or empty it")
    head = {"asked": plan.fingerprint(to), "store": store_hashes(history)}
    try:
        found, resumed = _write(to, plan, target, head, told)
    except OSError as error:
        raise ExportError(str(part_of(target)), error.strerror or str(error)) from error
    return {
        "folder": str(folder), "to": to, "episodes": len(episodes), "frames": found.frames,
        "success": sum(one.outcome.value == "success" for one in episodes), "resumed": resumed, **found.answer,
    }  # fmt: skip


def _write(to: str, plan: Plan, target: Path, head: dict[str, Any], told: Callable[[int], None]) -> tuple[Told, int]:
    """What was written, and how many episodes were there before. Raises OSError."""
    with opened(target, head, lambda before: _is_same(plan.history, before, head)) as part:
        resumed = len(part.notes)
        dataset = _dataset(to, plan, part.set)
        try:
            for index, episode in enumerate(plan.episodes):
                name = dataset.place(index)
                note = part.keep(index, name, lambda file, i=index, one=episode: dataset.make(i, one, file))  # type: ignore[misc]
                dataset.take(index, episode, part.folder / name, note)
                told(index + 1)
            found = dataset.finish()
        finally:
            dataset.close()
        write_papers(part.set, to, plan, found, part.head["store"])
        part.become(target)
    return found, resumed


def _plan(  # noqa: PLR0913  what a dataset is a function of
    to: str,
    history: History,
    streams: Mapping[str, Sequence[Stream]],
    episodes: Sequence[Episode],
    fps: int,
    terms: Terms,
    skip: frozenset[str],
    labels: Mapping[str, Sequence[Label]],
    offer: Offer,
    cloak: Cloak,
    made_of: Mapping[str, Mapping[str, str | float]],
) -> Plan:
    """Raises EpisodeError for no episodes, for those of several assets, and for a rate that is none."""
    if not episodes:
        raise EpisodeError("no episode is meant", "cut some (twin episodes cut), or choose others")
    assets = sorted({one.asset for one in episodes})
    if len(assets) > 1:
        raise EpisodeError(
            f"the episodes are of {len(assets)} assets, and a dataset has one shape", f"choose one: asset={assets[0]}"
        )
    if not 0 < fps <= MAX_FPS:
        raise EpisodeError(f"{fps} frames a second", f"--fps is a whole number from 1 to {MAX_FPS}")
    mine = tuple(sorted(streams.get(assets[0], ()), key=lambda one: one.id))
    shape = shape_of(mine, skip | numbered(mine, cloak.asked), both=to == "lerobot")
    told, said = labels_told(cloak, episodes, labels)
    read = CloakedHistory(history, cloak, mine) if cloak.asked.is_anything else history
    made = {new.id: made_of[old.id] for old, new in zip(episodes, told, strict=True) if old.id in made_of}
    return Plan(read, mine, told, said, shape, fps, terms, offer, cloak.record(mine), Made(made))


def _dataset(to: str, plan: Plan, folder: Path) -> Dataset:
    if to == "lerobot":
        from connectors.exporters.lerobot import LeRobot  # noqa: PLC0415  pyarrow is an extra

        return LeRobot(plan, folder)
    if to == "mcap":
        from connectors.exporters.mcap import Mcap  # noqa: PLC0415  only who writes it needs it

        return Mcap(plan, folder)
    if to == "parquet":
        from connectors.exporters.parquet import Tables  # noqa: PLC0415  pyarrow is an extra

        return Tables(plan, folder)
    raise EpisodeError(f"--to {to}", f"there are {', '.join(FORMATS)}")


def _is_same(history: Readable, before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether an earlier export asked the same of the same store, which may have grown since."""
    if before.get("asked") != now["asked"]:
        return False
    for writer, said in before.get("store", {}).items():
        last = history.last_keyframe(writer, until_n=int(said["batch"]))
        if last is None or last.sha256 != said["sha256"]:
            return False
    return True
