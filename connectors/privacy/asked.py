"""What is asked to be taken out of a dataset, and which signals speak of people and of parts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twin.sample import Signal, Stream

RANDOM = "random"
_PEOPLE = re.compile(
    r"(^|[._ -])(operator|worker|user|employee|badge|annotator|inspector|작업자|사번|담당자|검사자)"
    r"([._ -]?(id|name|no|number|code|명|번호))?$",
    re.IGNORECASE,
)
_PARTS = re.compile(
    r"(^|[._ -])(part|serial|lot|batch|workpiece|barcode|품번|부품|시리얼|로트|바코드|일련번호)"
    r"([._ -]?(id|no|number|code|serial|번호))?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be taken out. ``shift`` is "" for nothing, ``random``, or seconds as text."""

    people: bool = False
    parts: bool = False
    part_signals: tuple[str, ...] = ()
    """Signals that name parts, beside those whose names say so."""
    shift: str = ""

    @property
    def is_anything(self) -> bool:
        """Whether any of it was asked for."""
        return self.people or self.parts or bool(self.shift)


def names_people(signal: Signal) -> bool:
    """Whether a text signal says who is at work."""
    return _PEOPLE.search(signal.name) is not None


def names_parts(signal: Signal, asked: Asked) -> bool:
    """Whether a signal says which part it is."""
    return signal.name in asked.part_signals or _PARTS.search(signal.name) is not None


def numbered(streams: Iterable[Stream], asked: Asked) -> frozenset[str]:
    """The names of numeric signals that number parts or people: a hash is no number, so they are left out."""
    columns = [signal for one in streams for signal in one.columns]
    return frozenset(
        signal.name
        for signal in columns
        if (asked.parts and names_parts(signal, asked)) or (asked.people and names_people(signal))
    )
