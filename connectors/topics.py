"""Topic templates: ``{site}/{area}/{line}/{asset}/{stream}`` captures levels of an MQTT topic by name.

``{name...}`` captures one level or more (joined by ``/``); at most one of those stands in a template.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from twin.errors import DecodeError, IdError
from twin.ids import segment

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELD = re.compile(r"\{([a-z_]+)(\.\.\.)?\}")
_NOT_PLACE = frozenset({"stream", "signal", "_"})


class TopicTemplate:
    """A compiled template; raises ValueError for one that cannot be read."""

    def __init__(self, template: str) -> None:
        self.template = template
        parts: list[str] = []
        self.names: list[str] = []
        for level in template.split("/"):
            match = _FIELD.fullmatch(level)
            if match is None:
                if "{" in level or "}" in level:
                    raise ValueError(f"topic template {template!r}: {level!r} mixes text and {{field}}")
                parts.append("[^/]*" if level == "+" else re.escape(level))
                continue
            name, many = match.group(1), match.group(2)
            if name in self.names and name != "_":
                raise ValueError(f"topic template {template!r}: {{{name}}} is there twice")
            self.names.append(name)
            if many and "(.+)" in parts:
                raise ValueError(f"topic template {template!r}: only one field may end in ...")
            body = ".+" if many else "[^/]+"
            parts.append(f"({body})")
        self._pattern = re.compile("/".join(parts), re.DOTALL)

    def capture(self, topic: str) -> dict[str, str]:
        """The captured levels; raises DecodeError (topic) when the topic does not fit."""
        match = self._pattern.fullmatch(topic)
        if match is None:
            raise DecodeError("topic", f"{topic!r} does not fit the template {self.template!r}")
        return dict(zip(self.names, match.groups(), strict=True))


def check_templates(topic: str, asset: str) -> None:
    """Raise ValueError for a topic template that cannot be read, or an asset that it does not give."""
    names = TopicTemplate(topic).names
    for name, _ in _FIELD.findall(asset):
        if name not in names:
            raise ValueError(f"asset {asset!r}: the topic template has no {{{name}}}")
    if "{" in _FIELD.sub("", asset):
        raise ValueError(f"asset {asset!r}: a field is written {{name}}")
    if not asset and not set(names) - _NOT_PLACE:
        raise ValueError(f"topic template {topic!r} names no asset: give it {{asset}}, or set asset")


def fill_asset(captured: Mapping[str, str], template: str) -> str:
    """The asset id: ``template`` with its fields filled, or all captured levels but stream and signal, joined.

    Raises DecodeError (name) when a level cannot be part of an id.
    """
    try:
        if template:
            parts = [_FIELD.sub(lambda m: captured.get(m.group(1), ""), level) for level in template.split("/")]
        else:
            parts = [value for name, value in captured.items() if name not in _NOT_PLACE]
        return "/".join(segment(part) for joined in parts for part in joined.split("/"))
    except IdError as error:
        raise DecodeError("name", str(error)) from error
