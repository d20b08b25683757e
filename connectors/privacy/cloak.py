"""What people, parts and times are called in a dataset that leaves the hub: keyed, the same each time, one way only.

A name becomes HMAC-SHA-256 of it under the hub's secret, cut to a few hexadecimal digits. Who has the dataset and
every name there is still cannot tell which is which without the secret; two datasets of one hub can be joined.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.privacy.asked import RANDOM, Asked, names_parts, names_people, numbered
from twin.clock import NS_PER_S
from twin.episodes.episode import Episode, Label, Method, Segment, episode_id, hand_id
from twin.errors import EpisodeError
from twin.sample import Role

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from twin.sample import Signal, Stream

PERSON, PART = re.compile(r"op-[0-9a-f]{12}"), re.compile(r"pt-[0-9a-f]{16}")
"""What a pseudonym and a hashed number look like."""
LEAST_LETTERS = 4
"""A part's number that is shorter is hashed where it stands alone, but not looked for inside other texts."""
_DAY_S = 86_400
_SHIFT_DAYS = (30, 5 * 365)
_STANDARD = frozenset({Role.STATE, Role.MODE})
"""Words of a standard: nobody's name."""


@dataclass(frozen=True, slots=True)
class Cloak:
    """How one dataset is told. ``names`` are people that the hub knows, ``numbers`` parts that its episodes name."""

    asked: Asked = field(default_factory=Asked)
    secret: bytes = b""
    names: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    shift_ns: int = 0

    def person(self, name: str) -> str:
        """A person's pseudonym: the same however it is written, and at the terminal."""
        return f"op-{self._keyed('person', _folded(name).removeprefix('terminal:'))[:12]}"

    def part(self, number: str) -> str:
        """A part's hash: the same however it is written."""
        return f"pt-{self._keyed('part', _folded(number))[:16]}"

    def text(self, text: str) -> str:
        """A text in which nobody and no part is named that is known."""
        known = _known(self.names if self.asked.people else _NOBODY, self.numbers if self.asked.parts else _NOBODY)
        if not text or known is None:
            return text
        if _folded(text) in known.parts:
            return self.part(text)
        return known.words.sub(
            lambda found: self.part(found[0]) if _folded(found[0]) in known.parts else self.person(found[0]),
            unicodedata.normalize("NFC", text),
        )

    def told(self, signal: Signal, text: str) -> str:
        """What a text signal says."""
        if self.asked.people and names_people(signal):
            return self.person(text) if text else text
        if self.asked.parts and names_parts(signal, self.asked):
            return self.part(text) if text else text
        return text if signal.role in _STANDARD else self.text(text)

    def episode(self, one: Episode) -> Episode:
        """An episode as it is told outside; one that was made by hand has for its key who made it."""
        by = self.shift_ns
        start_ns, end_ns = one.start_ns + by, one.end_ns + by
        if one.method is Method.HAND:
            key = self.person(one.key) if self.asked.people and one.key else ""
            name = hand_id(one.asset, start_ns, end_ns)
        else:
            key, name = self.text(one.key), episode_id(one.asset, start_ns)
        return replace(
            one, id=name, start_ns=start_ns, end_ns=end_ns, from_ns=one.from_ns + by, to_ns=one.to_ns + by,
            key=key, program=self.text(one.program), cause=self.text(one.cause),
            instruction_ko=self.text(one.instruction_ko), instruction_en=self.text(one.instruction_en),
            segments=tuple(Segment(part.kind, part.start_ns + by, part.end_ns + by) for part in one.segments),
        )  # fmt: skip

    def label(self, one: Label, episode: str) -> Label:
        """A label of that episode; who said it is a pseudonym, or nobody."""
        who = self.person(one.who) if self.asked.people and one.who and one.source == "human" else ""
        return replace(
            one, episode=episode, label=self.text(one.label), who=who, from_ns=one.from_ns + self.shift_ns,
            to_ns=one.to_ns + self.shift_ns, at_ns=one.at_ns + self.shift_ns,
        )  # fmt: skip

    def record(self, streams: Iterable[Stream]) -> dict[str, Any]:
        """What was taken out, for the papers: neither the secret, nor a random shift's amount."""
        told: dict[str, Any] = {}
        key = self._keyed("key", "")[:8] if self.secret else ""
        texts = [(one, signal) for one in streams for signal in one.text_columns]
        if self.asked.people:
            signals = sorted(f"{one.id}:{signal.name}" for one, signal in texts if names_people(signal))
            told["pseudonyms"] = {"method": "HMAC-SHA-256, 12 digits", "key": key, "signals": signals}
        if self.asked.parts:
            signals = sorted(f"{one.id}:{signal.name}" for one, signal in texts if names_parts(signal, self.asked))
            told["parts"] = {
                "method": "HMAC-SHA-256, 16 digits", "key": key, "signals": signals,
                "left_out": sorted(numbered(streams, self.asked)),
            }  # fmt: skip
        if self.asked.shift:
            told["time"] = {"shifted": True, "by": RANDOM if self.asked.shift == RANDOM else self.shift_ns / NS_PER_S}
        return told

    def _keyed(self, of: str, text: str) -> str:
        return hmac.new(self.secret, f"{of}\0{text}".encode(), "sha256").hexdigest()


_NOBODY: frozenset[str] = frozenset()


class Known(NamedTuple):
    """``words`` finds every name and number, the longest first, where it stands as a word; ``parts`` are folded."""

    words: re.Pattern[str]
    parts: frozenset[str]


@lru_cache(maxsize=4)
def _known(names: frozenset[str], numbers: frozenset[str]) -> Known | None:
    if not names and not numbers:
        return None
    return Known(
        words_of(names | {one for one in numbers if len(one) >= LEAST_LETTERS}), frozenset(map(_folded, numbers))
    )


def words_of(names: Collection[str]) -> re.Pattern[str]:
    """Finds each name where it stands as a word, however its letters are written."""
    words = sorted({unicodedata.normalize("NFC", one) for one in names if one}, key=lambda one: (-len(one), one))
    every = "|".join(map(re.escape, words))
    return re.compile(rf"(?<!\w)(?:{every})(?!\w)" if every else r"(?!)", re.IGNORECASE)


def _folded(text: str) -> str:
    """One spelling of those that differ in case or in how letters are composed."""
    return unicodedata.normalize("NFC", text).casefold()


def shift_of(asked: str, secret: bytes, dataset: str, first_ns: int) -> int:
    """By how much every time is shifted, in ns; "" is 0.

    A random shift is whole seconds from 30 days to 5 years back, the same for every version of a dataset, so that
    they can be laid beside each other. Raises EpisodeError where it is no number, or leads to before 1970.
    """
    if not asked:
        return 0
    if asked == RANDOM:
        drawn = int.from_bytes(hmac.new(secret, f"shift\0{dataset}".encode(), "sha256").digest()[:8], "big")
        low, high = (days * _DAY_S for days in _SHIFT_DAYS)
        seconds = low + drawn % (high - low)
        return (-seconds if first_ns >= high * NS_PER_S else seconds) * NS_PER_S
    try:
        by_ns = round(float(asked) * NS_PER_S)
    except (ValueError, OverflowError):
        raise EpisodeError(f"--shift-time {asked}", "write seconds, as in -86400, or random") from None
    if first_ns + by_ns < 0:
        raise EpisodeError(f"--shift-time {asked} leads to before 1970", "shift by less")
    return by_ns


def labels_told(
    cloak: Cloak, episodes: Sequence[Episode], labels: Mapping[str, Sequence[Label]]
) -> tuple[list[Episode], dict[str, list[Label]]]:
    """Episodes and their labels as they are told outside."""
    told = [cloak.episode(one) for one in episodes]
    by_id = {
        new.id: [cloak.label(label, new.id) for label in labels.get(old.id, ())]
        for old, new in zip(episodes, told, strict=True)
    }
    return told, by_id
