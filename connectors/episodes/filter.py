"""Which episodes are meant: `success=true, asset=jeonju/weld, source=real, min_s=5`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from twin.datasets import origin_of
from twin.errors import EpisodeError
from twin.quality import heaviest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from twin.episodes import Episode

ALL = "all"
_TRUE = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def pick(episodes: Iterable[Episode], text: str) -> list[Episode]:
    """The episodes that a filter means, in their order; raises EpisodeError for a filter that says nothing."""
    tests = [_test(part.strip()) for part in re.split(r",|&|\band\b", text) if part.strip() not in ("", ALL)]
    return [one for one in episodes if all(test(one) for test in tests)]


def _test(part: str) -> Callable[[Episode], bool]:
    name, equals, value = (word.strip() for word in part.partition("="))
    negated = name.endswith("!")
    name = name.rstrip("! ")
    make = _TESTS.get(name)
    if not equals or make is None:
        raise EpisodeError(
            f"the filter {part!r} is not understood", f"write NAME=VALUE with NAME one of {', '.join(_TESTS)}, or all"
        )
    test = make(value)
    return (lambda one: not test(one)) if negated else test


def _success(value: str) -> Callable[[Episode], bool]:
    wanted = _truth(value)
    return lambda one: one.outcome.value == ("success" if wanted else "failure")


def _censored(value: str) -> Callable[[Episode], bool]:
    wanted = _truth(value)
    return lambda one: one.censored is wanted


def _quality(value: str) -> Callable[[Episode], bool]:
    known = {"": "", **{name: name for name in ("defect", "risk", "characteristic")}}
    if value not in known:
        raise EpisodeError(f"there is no quality {value!r}", "write defect, risk or characteristic (neither of both)")
    return lambda one: heaviest(one.quality) == value


def _source(value: str) -> Callable[[Episode], bool]:
    """By its own word, or by what it means: ``simulated`` is ``sim`` and every ``simulated:…``."""
    return lambda one: value in (one.source, origin_of(one.source).value)


def _truth(value: str) -> bool:
    if value.lower() not in _TRUE:
        raise EpisodeError(f"{value!r} is neither true nor false", "write true or false")
    return _TRUE[value.lower()]


def _seconds(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise EpisodeError(f"{value!r} is no number of seconds", "write a number such as 2.5") from None


def _at_least(value: str) -> Callable[[Episode], bool]:
    least = _seconds(value)
    return lambda one: one.duration_s >= least


def _at_most(value: str) -> Callable[[Episode], bool]:
    most = _seconds(value)
    return lambda one: one.duration_s <= most


_TESTS: dict[str, Callable[[str], Callable[[Episode], bool]]] = {
    "success": _success,
    "outcome": lambda value: lambda one: one.outcome.value == value,
    "asset": lambda value: lambda one: one.asset == value or one.asset.startswith(value + "/"),
    "site": lambda value: lambda one: one.site == value,
    "source": _source,
    "method": lambda value: lambda one: one.method.value == value,
    "program": lambda value: lambda one: value in one.program,
    "cause": lambda value: lambda one: value in one.cause,
    "quality": _quality,
    "id": lambda value: lambda one: one.id == value,
    "censored": _censored,
    "min_s": _at_least,
    "max_s": _at_most,
}
