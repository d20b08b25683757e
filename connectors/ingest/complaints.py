"""Log lines about bad input: few, and safe to read in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

QUIET_S = 10.0
"""How long a (source, reason) is silent after a line."""
MAX_KEYS = 1000
MAX_TEXT = 300


class Complaints:
    """At most one line each 10 s for a source and a reason. Mutable: it counts what it did not say."""

    def __init__(self, log: logging.Logger, monotonic_s: Callable[[], float]) -> None:
        self._log = log
        self._monotonic_s = monotonic_s
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def tell(self, source: str, reason: str, text: str, fault: Exception | None = None) -> None:
        """Log a warning; a ``fault`` is an error, with its traceback."""
        key = (source, reason)
        now_s = self._monotonic_s()
        said_s, suppressed = self._said.get(key, (-QUIET_S, 0))
        if now_s < said_s + QUIET_S:
            self._said[key] = (said_s, suppressed + 1)
            return
        if len(self._said) >= MAX_KEYS:
            self._said.clear()
        self._said[key] = (now_s, 0)
        more = f" ({suppressed} suppressed)" if suppressed else ""
        line = f"{printable(source)}: {printable(reason)}: {printable(text)}{more}"
        if fault is None:
            self._log.warning("%s", line)
        else:
            self._log.error("%s", line, exc_info=fault)


def printable(text: str) -> str:
    """The text, cut, with line ends, terminal codes and invisible characters escaped; letters of any script stay."""
    cut = text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
    if cut.isprintable():
        return cut
    return "".join(ch if ch.isprintable() else ch.encode("unicode_escape").decode() for ch in cut)
