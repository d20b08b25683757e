"""Paths into JSON: ``a.b[0].c``, ``["a key. with dots"].x``. Small, and without expressions."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

Step = str | int
MISSING: Final = object()
MAX_STEPS = 32
_STEP = re.compile(r"\.?([^.\[\]\"']+)|\[(\d{1,6})\]|\[\"([^\"]*)\"\]|\['([^']*)'\]")
_SHOWN = 8


@lru_cache(maxsize=10_000)
def parse_path(path: str) -> tuple[Step, ...]:
    """The steps of a path, () for ""; raises ValueError where it cannot be read."""
    steps: list[Step] = []
    place = 0
    while place < len(path):
        found = _STEP.match(path, place)
        if found is None or (place > 0 and found[1] is not None and path[place] != ".") or path[0] == ".":
            raise ValueError(f"path {path!r}: cannot be read from {path[place:]!r} on; write a.b[0].c")
        steps.append(int(found[2]) if found[2] is not None else found[1] or found[3] or found[4] or "")
        place = found.end()
    if len(steps) > MAX_STEPS:
        raise ValueError(f"path {path!r}: more than {MAX_STEPS} steps")
    return tuple(steps)


def at(body: Any, steps: tuple[Step, ...]) -> Any:
    """What the steps lead to; `MISSING` where they lead nowhere."""
    for step in steps:
        if isinstance(body, dict):
            body = body.get(str(step), MISSING)
        elif isinstance(body, list) and isinstance(step, int) and step < len(body):
            body = body[step]
        else:
            return MISSING
        if body is MISSING:
            return MISSING
    return body


def as_found(body: Any, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps as they lead through a message: a number stands for a key where an object is."""
    found: list[Step] = []
    for step in steps:
        found.append(str(step) if isinstance(body, dict) else step)
        body = at(body, (step,))
    return tuple(found)


def why_missing(body: Any, path: str, steps: tuple[Step, ...], wanted: str) -> str:
    """Where a path ends that does not lead to ``wanted``, and what is there instead, in words."""
    gone = ""
    for step in steps:
        inner = at(body, (step,))
        if inner is MISSING:
            return f"{path}: no {step!r} in {gone or 'the message'}, which is {_told(body)}"
        gone += f"[{step}]" if isinstance(step, int) else f".{step}" if gone else step
        body = inner
    return f"{path}: {_told(body)} where {wanted} belongs"


def _told(body: Any) -> str:
    if isinstance(body, dict):
        keys = [str(key)[:40] for key in list(body)[:_SHOWN]]
        return "an object with " + (", ".join(keys) or "nothing") + (" …" if len(body) > _SHOWN else "")
    if isinstance(body, list):
        return f"a list of {len(body)}"
    return "null" if body is None else f"a {type(body).__name__}"
