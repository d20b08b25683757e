"""What an episode is: one attempt of one asset at one task, and what people and rules say of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from twin.clock import NS_PER_S


class Method(StrEnum):
    """How an episode was cut, the most trusted first."""

    PACKML = "packml"
    """From Execute to Complete (ISA-TR88.00.02)."""
    CYCLE = "cycle"
    """A contiguous run of one cycle number."""
    PARTS = "parts"
    """From one counted part to the next."""
    PROGRAM = "program"
    """A contiguous run of one program."""
    ORDER = "order"
    """From an order's first state to the end of its last action (VDA 5050)."""
    MOTION = "motion"
    """Between two rests."""
    HAND = "hand"
    """By a person, from a replay or an alarm."""
    GENERATED = "generated"
    """By the simulation that played it: its truth is known."""


CUT = tuple(one for one in Method if one not in (Method.HAND, Method.GENERATED))
"""The ways in which what was recorded is cut, the most trusted first."""


class SegmentKind(StrEnum):
    """What interrupts the work inside an episode."""

    PAUSED = "paused"
    ABORTED = "aborted"
    INTERVENED = "intervened"


class Outcome(StrEnum):
    """What came of an episode."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Segment:
    """A part [start_ns, end_ns) of an episode in which it was paused, aborted or led by a person."""

    kind: SegmentKind
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Where an episode lies, before it is judged: [start_ns, end_ns).

    ``key`` is what it was cut by (a cycle number, a program, an order); ``outcome`` and ``cause`` are what
    the cut itself already tells; ``censored`` says that its begin or end was not seen.
    """

    start_ns: int
    end_ns: int
    key: str = ""
    outcome: Outcome = Outcome.UNKNOWN
    cause: str = ""
    censored: bool = False

    @property
    def duration_s(self) -> float:
        """From its first to its last frame, in seconds."""
        return (self.end_ns - 1 - self.start_ns) / NS_PER_S


@dataclass(frozen=True, slots=True)
class Episode:
    """One attempt of an asset at a task: the work is [start_ns, end_ns), with its rolls [from_ns, to_ns).

    ``source`` is ``real``, ``sim`` or ``simulated:WHICH``; ``program`` what ran when it began; instructions are for
    people and for policies that read. ``quality`` is what was found in it, on one line
    (`twin.quality.summary_of`); "" where nobody looked.
    """

    id: str
    asset: str
    start_ns: int
    end_ns: int
    from_ns: int
    to_ns: int
    method: Method
    key: str = ""
    program: str = ""
    outcome: Outcome = Outcome.UNKNOWN
    cause: str = ""
    censored: bool = False
    segments: tuple[Segment, ...] = ()
    instruction_ko: str = ""
    instruction_en: str = ""
    source: str = "real"
    quality: str = ""

    @property
    def site(self) -> str:
        """Its site's id."""
        return self.asset.partition("/")[0]

    @property
    def duration_s(self) -> float:
        """From its first to its last frame, in seconds."""
        return (self.end_ns - 1 - self.start_ns) / NS_PER_S

    def seconds_of(self, kind: SegmentKind) -> float:
        """How long it was interrupted so, in seconds."""
        return sum(one.end_ns - one.start_ns for one in self.segments if one.kind is kind) / NS_PER_S


@dataclass(frozen=True, slots=True)
class Label:
    """What is said of a part [from_ns, to_ns) of an episode; a row of the one table of labels.

    ``channel`` is what it speaks of: ``outcome``, ``cause``, ``instruction_ko``, ``instruction_en``, ``segment``,
    ``subtask``, ``anomaly``, ``quality`` … or a signal; ``source`` is ``rule``, ``human``, ``model`` or ``simulation``;
    ``supersedes`` is the row that it replaces (0: none).
    """

    episode: str
    from_ns: int
    to_ns: int
    channel: str
    label: str
    source: str = "rule"
    confidence: float = 1.0
    who: str = ""
    at_ns: int = 0
    supersedes: int = 0
    n: int = 0


QUALITY = "quality"
"""The channel of what was found in a whole episode."""


def episode_id(asset: str, start_ns: int) -> str:
    """The id of the episode of an asset that begins then: the same however often it is cut."""
    return f"{asset}@{start_ns}"


def hand_id(asset: str, start_ns: int, end_ns: int) -> str:
    """The id of an episode that a person made: no cut ever gives it."""
    return f"{asset}@{start_ns}-{end_ns}"


def labels_of(episode: Episode) -> tuple[Label, ...]:
    """What the rules say of an episode, as rows of the table of labels."""
    said = [
        ("outcome", episode.outcome.value),
        ("cause", episode.cause),
        ("instruction_ko", episode.instruction_ko),
        ("instruction_en", episode.instruction_en),
    ]
    whole = [Label(episode.id, episode.start_ns, episode.end_ns, channel, text) for channel, text in said if text]
    parts = [Label(episode.id, one.start_ns, one.end_ns, "segment", one.kind.value) for one in episode.segments]
    return (*whole, *parts)
