"""Reading a parsed TOML table into typed values, collecting every mistake instead of the first."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, TypeVar

from twin.errors import Mistake

if TYPE_CHECKING:
    from collections.abc import Mapping

_T = TypeVar("_T", str, int, float, bool)
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


class Table:
    """One table of a factory file. Mutable: it remembers which keys were read, and adds to ``mistakes``."""

    def __init__(self, data: Mapping[str, object], key: str, mistakes: list[Mistake]) -> None:
        self.data = data
        self.key = key
        self.mistakes = mistakes
        self._read: set[str] = set()

    def path(self, name: str) -> str:
        """The full key of ``name``, for people."""
        return f"{self.key}.{name}" if self.key else name

    def wrong(self, name: str, problem: str, suggestion: str = "") -> None:
        """Note a mistake at ``name``."""
        self.mistakes.append(Mistake(self.path(name), problem, suggestion))

    def has(self, name: str) -> bool:
        """Whether the key is there (counts as read)."""
        self._read.add(name)
        return name in self.data

    def get(self, name: str, kind: type[_T], default: _T | None = None, *, choices: tuple[str, ...] = ()) -> _T:
        """The value at ``name``; without a default it must be there. A zero of its kind on a mistake."""
        zero: _T = kind() if default is None else default
        if not self.has(name):
            if default is None:
                self.wrong(name, "missing", f"write {_WORDS[kind]}")
            return zero
        value = self.data[name]
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if (
            not isinstance(value, kind)
            or (kind is not bool and isinstance(value, bool))
            or (isinstance(value, float) and not math.isfinite(value))
        ):
            self.wrong(name, f"{value!r} is not {_WORDS[kind]}")
            return zero
        if choices and value not in choices:
            near = difflib.get_close_matches(str(value), choices, 1)
            hint = (
                f"did you mean {near[0]!r}? There are: {', '.join(choices)}"
                if near
                else "one of: " + ", ".join(choices)
            )
            self.wrong(name, f"{value!r} is not known", hint)
        return value

    def texts(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of texts."""
        if not self.has(name):
            return default
        value = self.data[name]
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.wrong(name, f"{value!r} is not a list of texts", 'write ["…", "…"]')
        return default

    def numbers(self, name: str, count: int) -> tuple[float, ...] | None:
        """A list of exactly ``count`` numbers; None when it is left out."""
        if not self.has(name):
            return None
        value = self.data[name]
        if (
            isinstance(value, list)
            and len(value) == count
            and all(
                isinstance(item, int | float) and not isinstance(item, bool) and math.isfinite(item) for item in value
            )
        ):
            return tuple(float(item) for item in value)
        self.wrong(name, f"{value!r} is not a list of {count} numbers")
        return None

    def table(self, name: str) -> Table:
        """The table at ``name``, empty when it is left out."""
        value = self.data.get(name, {}) if self.has(name) else {}
        if not isinstance(value, dict):
            self.wrong(name, f"{value!r} is not a table", f"write [{self.path(name)}]")
            value = {}
        return Table(value, self.path(name), self.mistakes)

    def tables(self, name: str) -> list[Table]:
        """The list of tables at ``name`` (``[[name]]``)."""
        value = self.data.get(name, []) if self.has(name) else []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.wrong(name, "is not a list of tables", f"write [[{self.path(name)}]]")
            return []
        return [Table(item, f"{self.path(name)}[{i}]", self.mistakes) for i, item in enumerate(value)]

    def done(self) -> None:
        """Note every key that nobody read, with the nearest known one."""
        for name in self.data:
            if name not in self._read:
                near = difflib.get_close_matches(name, self._read, 1)
                self.wrong(name, "unknown key", f"did you mean {near[0]!r}?" if near else "leave it out")
