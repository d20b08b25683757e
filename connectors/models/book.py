"""Files and desk together: a version is trained, activated, retired, evaluated; what scores now, and what may not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.desk.models import Act, Standing, standing, standings, tell
from connectors.models.train import train
from twin.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from connectors.desk import Desk
    from connectors.models.files import Shelf
    from connectors.models.train import Order
    from twin.anomaly import Model
    from twin.ports import History

ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class Entry:
    """A version: what its file says, and how it stands. ``wrong`` says why its file cannot be used, "" where it can."""

    standing: Standing
    model: Model | None
    wrong: str = ""

    @property
    def kept(self) -> Model:
        """What its file says; raises ModelError where it cannot be used."""
        if self.model is None:
            raise ModelError(self.wrong)
        return self.model


class Book:
    """The models of one store. Any process may hold one; nothing is remembered between calls."""

    def __init__(self, shelf: Shelf, desk: Desk) -> None:
        self.shelf = shelf
        self.desk = desk

    def entries(self, until_ns: int | None = None) -> list[Entry]:
        """Every version by a moment (None: now)."""
        found = []
        for one in standings(self.desk, until_ns):
            try:
                found.append(Entry(one, self._about(one)))
            except ModelError as error:
                found.append(Entry(one, None, str(error)))
        return found

    def find(self, name: str, version: int = 0) -> Entry:
        """One version, the newest where none is named; raises ModelError where there is none, or its file differs."""
        mine = [one for one in standings(self.desk) if one.name == name]
        if not mine:
            known = sorted({one.name for one in standings(self.desk)})
            raise ModelError(f"there is no model {name!r}", f"there are: {', '.join(known) or 'none'}")
        one = standing(self.desk, name, version or max(each.version for each in mine))
        return Entry(one, self._about(one))

    def train(self, history: History, order: Order, who: str) -> tuple[int, Model, bool]:
        """Train, keep the files, and write it down: the version, the model, whether it is new. Raises ModelError."""
        self.shelf.place(order.name, 1)  # a name that cannot be is told before the work
        for one in standings(self.desk):
            if one.name == order.name and one.asset != order.asset:
                raise ModelError(f"{order.name!r} is a model of {one.asset}", "choose another name")
        model, files = train(history, order)
        version, kept, is_new = self.shelf.keep(model, files)
        known = {(one.name, one.version) for one in standings(self.desk)}
        if (order.name, version) not in known:
            _, sha256 = self.shelf.about(order.name, version)
            seen = {"regime": kept.regime.told(), "signals": len(kept.watched), "data": kept.training.sha256}
            tell(self.desk, who, Act.TRAIN, order.name, version, order.asset, sha256, seen)
        return version, kept, is_new

    def activate(self, entry: Entry, who: str) -> list[Standing]:
        """Let a version score live. Another version of the same name is retired by it; returns those.

        Raises ModelError where its files are not what was trained, and where another model of the asset
        may score at the same moment: one signal has one meaning.
        """
        model, mine = entry.kept, entry.standing
        for name in model.files:
            self.shelf.file(model, mine.version, name)
        before = []
        for other in self.active():
            if other.standing.name == mine.name:
                before.append(other.standing)
            elif (
                other.model is not None and other.model.asset == model.asset and other.model.regime.meets(model.regime)
            ):
                raise ModelError(
                    f"{other.standing.name} scores {model.asset} in {other.model.regime.told()} already",
                    f"retire it first: twin model retire {other.standing.name}",
                )
        for one in before:
            if one.version != mine.version:
                self._tell(who, Act.RETIRE, one)
        if mine.state != ACTIVE:
            self._tell(who, Act.ACTIVATE, mine)
        return [one for one in before if one.version != mine.version]

    def retire(self, entry: Entry, who: str) -> None:
        """Let a version score no more."""
        if entry.standing.state != "retired":
            self._tell(who, Act.RETIRE, entry.standing)

    def evaluated(self, entry: Entry, table: Mapping[str, Any], who: str) -> None:
        """Keep the table of an evaluation."""
        one = entry.standing
        tell(self.desk, who, Act.EVALUATE, one.name, one.version, one.asset, one.sha256, table)

    def active(self) -> Sequence[Entry]:
        """Those that score now."""
        return [one for one in self.entries() if one.standing.state == ACTIVE]

    def damaged(self) -> list[str]:
        """Why a version cannot be used, of each that has a file missing or another than was trained."""
        found = []
        for entry in self.entries():
            try:
                for name in entry.kept.files:
                    self.shelf.file(entry.kept, entry.standing.version, name)
            except ModelError as error:
                found.append(error.problem)
        return found

    def _about(self, one: Standing) -> Model:
        model, sha256 = self.shelf.about(one.name, one.version)
        if sha256 != one.sha256:
            place = self.shelf.place(one.name, one.version)
            raise ModelError(f"{place} is not the version that was trained", "bring its files back, or train it anew")
        return model

    def _tell(self, who: str, act: Act, one: Standing) -> None:
        tell(self.desk, who, act, one.name, one.version, one.asset, one.sha256, {})
