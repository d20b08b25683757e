"""The error tree. Each error carries its data as fields and is handled once.

TwinError
 x IdError            a path or name that cannot name anything
 x UnitError          a unit code nobody knows, or a conversion that makes no sense
 x ConfigError        one or more mistakes in a factory file, all of them at once
 x ScenarioError      a simulated plant that cannot be built
 x DecodeError        a message that cannot become samples (goes to the dead letters)
 x StoreError
   + StoreUnavailable the database is down, locked or full: keep the batch, back off, never ack
   + StoreRejected    the database refuses the data itself: bisect to the guilty frame
   + StoreCorrupt     the database file is damaged: write nothing more into it, set it aside
 x SourceError        a source that cannot be reached or read
 x BrokerError        the embedded or external broker cannot be started or reached
 x PluginError        a plug-in name that leads nowhere
 x DrawingError       an uploaded floor drawing that cannot be taken
 x RecordingError     a recording or a moment that is not there, or cannot be as asked
 x Forbidden          a person asks for what their role does not allow
 x EpisodeError       episodes or a dataset that cannot be as asked
 x ExportError        a dataset that cannot be written where it is to lie
 x ExpectationError   what is expected of an asset cannot be had
 x AccountError       an account, a session or a token that cannot be as asked
 x ModelError         an anomaly model that cannot be trained, or is not what it was
   + NotInstalled     what models need besides the base installation is not there
"""

from __future__ import annotations

from dataclasses import dataclass


class TwinError(Exception):
    """Root of every error raised by this project on purpose."""


class IdError(TwinError):
    """A path or a name that cannot name anything in a factory."""

    def __init__(self, text: str, problem: str) -> None:
        super().__init__(f"{text!r} is no id: {problem}")
        self.text = text
        self.problem = problem


class UnitError(TwinError):
    """A unit that is not known, or two units of different dimensions."""

    def __init__(self, unit: str, problem: str) -> None:
        super().__init__(f"unit {unit!r}: {problem}")
        self.unit = unit
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a factory file: where it is, what it is, what to write instead."""

    key: str
    problem: str
    suggestion: str = ""

    def __str__(self) -> str:
        hint = f" ({self.suggestion})" if self.suggestion else ""
        return f"{self.key}: {self.problem}{hint}"


class ConfigError(TwinError):
    """All the mistakes of one factory file, reported together."""

    def __init__(self, mistakes: tuple[Mistake, ...], path: str = "") -> None:
        where = f"{path}: " if path else ""
        count = len(mistakes)
        head = f"{where}{count} mistake{'s' if count != 1 else ''}"
        super().__init__("\n  ".join([head, *map(str, mistakes)]))
        self.mistakes = mistakes
        self.path = path


class ScenarioError(TwinError):
    """A simulated plant that cannot be built from the given hub."""


class DecodeError(TwinError):
    """A message that cannot become samples.

    ``reason`` is one of the short, counted words of the dead-letter table
    (``json_syntax``, ``encoding``, ``type`` …); ``detail`` is for people.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class StoreError(TwinError):
    """Something about the store."""


class StoreUnavailable(StoreError):
    """The database is down, locked, frozen or full: nothing was written, try again later."""


class StoreRejected(StoreError):
    """The database refuses the data itself; the transaction was rolled back."""


class StoreCorrupt(StoreError):
    """The database's file is damaged: nothing more may be written into it."""


class SourceError(TwinError):
    """A source that cannot be reached or read."""


class BrokerError(TwinError):
    """A broker that cannot be started or reached."""


class PluginError(TwinError):
    """A plug-in name that leads nowhere."""

    def __init__(self, kind: str, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"no {kind} called {name!r}; there are: {', '.join(known)}")
        self.kind = kind
        self.name = name
        self.known = known


class DrawingError(TwinError):
    """An uploaded floor drawing that cannot be taken: what is wrong with it, and what to do."""

    def __init__(self, problem: str, do: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.do = do


class RecordingError(TwinError):
    """A recording that is not there or cannot be as asked; a moment that nothing is kept of any longer."""


class Forbidden(TwinError):
    """A person asks for what their role does not allow, there."""

    def __init__(self, who: str, right: str, site: str = "") -> None:
        where = f" at {site}" if site else ""
        super().__init__(f"{who} may not {right}{where}")
        self.who = who
        self.right = right
        self.site = site


class AccountError(TwinError):
    """An account, a session or a token that cannot be as asked."""


class EpisodeError(TwinError):
    """Episodes or a dataset that cannot be had as asked: what is wrong, and what to do."""

    def __init__(self, problem: str, do: str = "") -> None:
        super().__init__(f"{problem}: {do}" if do else problem)
        self.problem = problem
        self.do = do


class ExpectationError(TwinError):
    """What is expected of an asset cannot be had: what is wrong, and what to do."""

    def __init__(self, problem: str, do: str = "") -> None:
        super().__init__(f"{problem}: {do}" if do else problem)
        self.problem = problem
        self.do = do


class ExportError(TwinError):
    """A dataset that cannot be written where it is to lie: the disk is full, or the folder is not ours to write."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(
            f"{place} cannot be written: {problem}; what is finished is kept, the same command goes on from it"
        )
        self.place = place
        self.problem = problem


class ModelError(TwinError):
    """An anomaly model that cannot be had as asked: what is wrong, and what to do."""

    def __init__(self, problem: str, do: str = "") -> None:
        super().__init__(f"{problem}: {do}" if do else problem)
        self.problem = problem
        self.do = do


class NotInstalled(ModelError):
    """A package that models need is not installed."""
