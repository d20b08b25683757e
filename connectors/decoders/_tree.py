"""A typed parser learnt from one nested message: objects with just its keys, lists of just its length.

Leaves keep the types that the message had; what they say comes as one flat tuple, in the order of the message.
"""

from __future__ import annotations

import re
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Path = tuple[str | int, ...]
MAX_LEAVES = 2048
PLAIN_KEY = re.compile(r'[^":\\\x00-\x1f]+')
"""Keys that are written as they are, and have no colon in them."""


class Tree(NamedTuple):
    """``read`` parses a payload (and raises msgspec's errors); ``flat`` gives the leaves of what it returns.

    ``paths`` and ``leaves``: where the leaves are, and what they were in the message it was learnt from.
    ``keys`` is how many keys all its objects have.
    """

    read: Callable[[bytes], Any]
    flat: Callable[[Any], tuple[Any, ...]]
    paths: tuple[Path, ...]
    leaves: tuple[Any, ...]
    keys: int


class Trees:
    """Parsers by the shape of the message. Mutable: a cache, ``limit`` shapes at most."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._made: dict[object, tuple[Callable[[bytes], Any], Callable[[Any], tuple[Any, ...]]]] = {}

    def of(self, body: Any, numbers: Callable[[Path], bool], *, nulls: bool = True) -> Tree | None:
        """The parser of messages like ``body``; None where it cannot be, or there are too many already.

        A leaf where ``numbers`` holds is a number (or, where it was one, a truth value) in others, or with
        ``nulls`` null.
        """
        node = _node(body, (), numbers, nulls=nulls)
        keys = {step for path in node.paths for step in path if isinstance(step, str)}
        if len(node.paths) > MAX_LEAVES or not all(map(PLAIN_KEY.fullmatch, keys)):
            return None
        made = self._made.get(node.like)
        if made is None:
            if len(self._made) >= self._limit:
                return None
            made = self._made[node.like] = (msgspec.json.Decoder(_type(node)).decode, _flat(node))
        return Tree(*made, node.paths, node.leaves, node.keys)


class _Node(NamedTuple):
    """One value of the message: ``children`` by key or by place (both empty: a leaf of type ``kind``)."""

    like: object
    kind: Any
    names: tuple[str, ...] | None
    children: tuple[Any, ...]
    paths: tuple[Path, ...]
    leaves: tuple[Any, ...]
    keys: int


def _node(value: Any, path: Path, numbers: Callable[[Path], bool], *, nulls: bool) -> _Node:
    if isinstance(value, dict | list) and value:
        steps: Sequence[str | int] = list(value) if isinstance(value, dict) else range(len(value))
        names = tuple(value) if isinstance(value, dict) else None
        children = tuple(_node(value[step], (*path, step), numbers, nulls=nulls) for step in steps)  # type: ignore[index]
        return _Node(
            (names, tuple(child.like for child in children)),
            None,
            names,
            children,
            tuple(chain.from_iterable(child.paths for child in children)),
            tuple(chain.from_iterable(child.leaves for child in children)),
            (len(value) if names is not None else 0) + sum(child.keys for child in children),
        )
    kind: Any
    if numbers(path):
        word, kind = ("flag", bool) if isinstance(value, bool) else ("number", float)
        if nulls:
            word, kind = f"{word}?", kind | None
    elif isinstance(value, dict | list):
        word, kind = ("{}", _Nothing) if isinstance(value, dict) else ("[]", tuple[()])
    else:
        kind = type(value) if value is not None else None
        word = kind.__name__ if kind is not None else "null"
    return _Node(word, kind, None, (), (path,), (value,), 0)


class _Nothing(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An object without keys."""


def _type(node: _Node) -> Any:
    if not node.children:
        return node.kind
    if node.names is None:
        return tuple[tuple(_type(child) for child in node.children)]  # type: ignore[misc]
    fields = [(f"f{place}", _type(child)) for place, child in enumerate(node.children)]
    renamed = {f"f{place}": name for place, name in enumerate(node.names)}
    return msgspec.defstruct("Shape", fields, rename=renamed, forbid_unknown_fields=True, gc=False)


def _dotted(node: _Node) -> list[str] | None:
    """The leaves as dotted attributes; None where a list lies between."""
    found: list[str] = []
    for place, child in enumerate(node.children):
        if not child.children:
            found.append(f"f{place}")
            continue
        inner = _dotted(child) if child.names is not None else None
        if inner is None:
            return None
        found += [f"f{place}.{name}" for name in inner]
    return found


def _flat(node: _Node) -> Callable[[Any], tuple[Any, ...]]:
    """What gives the leaves of a parsed value as one tuple."""
    if not node.children:
        return lambda told: (told,)
    if node.names is None:
        if not any(child.children for child in node.children):
            return tuple
        parts = [_flat(child) for child in node.children]
        return lambda told: tuple(chain.from_iterable([part(one) for part, one in zip(parts, told, strict=True)]))
    dotted = _dotted(node)
    if dotted is not None:
        get = attrgetter(*dotted)
        return get if len(dotted) > 1 else lambda told: (get(told),)
    insides = [(attrgetter(f"f{place}"), _flat(child)) for place, child in enumerate(node.children)]
    return lambda told: tuple(chain.from_iterable([flat(get(told)) for get, flat in insides]))
