"""The one form of template that is understood: a path into the payload. Nothing from the wire is ever run.

``{{ value }}``, ``{{ value_json.a.b }}``, ``{{ value_json['a'][0] }}``; the filters ``float``, ``int`` and
``is_defined`` change nothing here and may follow.
"""

from __future__ import annotations

import re
from typing import Any

from connectors.decoders import _json
from twin.errors import DecodeError

_TEMPLATE = re.compile(
    r"\s*\{\{-?\s*(?P<root>value_json|value)(?P<path>(?:\.\w+|\[\s*(?:'[^'\]]*'|\"[^\"\]]*\"|\d+)\s*\])*)"
    r"(?P<filters>(?:\s*\|\s*(?:float|int|is_defined)(?:\(\s*-?[\d.]*\s*\))?)*)\s*-?\}\}\s*"
)
_STEP = re.compile(r"\.(\w+)|\[\s*(?:'([^'\]]*)'|\"([^\"\]]*)\"|(\d+))\s*\]")
MAX_TEMPLATE = 500


def path_of(template: str) -> list[str | int] | None:
    """The path that a template takes: [] for the payload itself; None where it is of another form."""
    if not template:
        return []
    found = _TEMPLATE.fullmatch(template) if len(template) <= MAX_TEMPLATE else None
    if found is None or (found["root"] == "value" and found["path"]):
        return None
    if found["root"] == "value":
        return []
    steps: list[str | int] = [
        int(step[4][:9]) if step[4] else str(step[1] or step[2] or step[3] or "")
        for step in _STEP.finditer(found["path"])
    ]
    return steps or [""]


def value_at(payload: bytes, path: list[str | int]) -> Any:
    """The value that a path leads to: text as it came for [], else what the JSON holds.

    Raises DecodeError (schema) where it leads nowhere, and as `_json.parse` does.
    """
    if not path:
        try:
            return payload.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise DecodeError("encoding", f"not UTF-8 at byte {error.start}") from error
    found = _json.parse(payload)
    for step in path if path != [""] else ():
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            raise DecodeError("schema", f"no {step!r} in the payload, where the template looks for it") from None
    return found
