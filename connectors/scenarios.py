"""Scenarios on disk: their files, and the stores that their recordings live in."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from connectors.factory_file import read_factory
from connectors.plugins import rules_of
from connectors.stores.sql import open_store
from twin.errors import ConfigError, Mistake
from twin.ports import Commit, SourceCount
from twin.scenario import Playing, parse_scenario
from twin.scenario.play import WRITER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from twin.config import Factory
    from twin.scenario import Played, Scenario

SQLITE = "sqlite:///"


def read_scenario(path: Path, factory: Path) -> tuple[Scenario, Factory]:
    """A scenario and the hub it is for; raises ConfigError with all mistakes of either.

    ``factory`` is the factory file where the scenario's own key ``factory`` (a path from its folder) names none.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError((Mistake("file", error.strerror or str(error)),), str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError((Mistake("file", f"not TOML: {error}"),), str(path)) from error
    own = data.get("factory", "")
    if not isinstance(own, str):
        raise ConfigError((Mistake("factory", f"{own!r} is not text", "write the path of a factory file"),), str(path))
    known = read_factory(path.parent / own if own else factory)
    return parse_scenario(data, known.hub, rules_of(known), str(path)), known


def origin_of(name: str, seed: int) -> str:
    """Where a recording of a scenario comes from: never from a plant."""
    return f"simulated:{name}@{seed}"


def play_into(playing: Playing, url: str, progress: Callable[[float], None] = lambda _: None) -> Played:
    """Play a scenario into a store, each batch in one transaction with what its fold makes; the store must be empty.

    ``progress`` is told how much of it is done, 0…1. Raises StoreError.
    """
    store, scenario = open_store(url), playing.scenario
    try:
        for batch in playing.batches():
            # A batch counts as one message, so that the accounting of the recording adds up.
            count = SourceCount(
                WRITER, received=1, decoded=1, decoded_frames=len(batch), last_received_ns=batch.tick_ns
            )
            store.append(Commit(batch, counts=(count,)), playing.fold)
            progress((batch.tick_ns - scenario.start_ns) / (scenario.end_ns - scenario.start_ns))
    finally:
        store.close()
    return playing.played()


def play_into_file(playing: Playing, folder: Path, progress: Callable[[float], None]) -> tuple[Played, str]:
    """Play a scenario into a file of its own, named by what came of it: the same again is the same file.

    Returns what came of it and the file's URL.
    """
    folder.mkdir(parents=True, exist_ok=True)
    making = folder / f".{playing.scenario.name}-{playing.seed}.making.db"
    _remove(making)
    try:
        played = play_into(playing, f"{SQLITE}{making}", progress)
        final = folder / f"{playing.scenario.name}-{played.sha256[:12]}.db"
        _remove(final)
        making.replace(final)
    finally:
        _remove(making)
    return played, f"{SQLITE}{final}"


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
