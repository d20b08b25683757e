"""A typed parser learnt from one message: objects with just its keys, lists of just its length.

Leaves keep the types that the message had; what they say comes as one flat tuple, in the order of the message.
A list or object that never changes is one leaf: the bytes it was written with. Many numbers side by side are no
leaves, but a block beside them.
"""

from __future__ import annotations

import re
from functools import partial
from itertools import chain, groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Path = tuple[str | int, ...]
MAX_LEAVES = 2048
PLAIN_KEY = re.compile(r'[^":\\\x00-\x1f]+')
"""Keys that are written as they are, and have no colon in them."""
_COLON, _NEWLINE = b":\n"
_FEW = 24
"""So many leaves are fetched one by one."""
_astuple = msgspec.structs.astuple
_first, _last = itemgetter(0), itemgetter(-1)


def _count(text: bytes, character: int) -> int:
    """How often a character is in a long text: a tenth of what `bytes.count` takes."""
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == character))


class Parser:
    """Reads payloads of one shape.

    ``leaves`` of what it reads are one tuple; ``block`` its numbers side by side, None where it has none.
    """

    def __init__(
        self, kind: Any, edges: bytes, leaves: Callable[[Any], tuple[Any, ...]],
        block: Callable[[Any], Sequence[Any]] | None,
    ) -> None:  # fmt: skip
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)
        self._edges = edges
        self._between = edges[1:] + b"\n" + edges[:1]
        self.leaves = leaves
        self.block = block

    def one(self, payload: bytes) -> Any:
        """What a payload says; None for one of another shape."""
        try:
            return (self._decoder.decode(payload),)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    def all(self, payloads: Sequence[bytes]) -> tuple[list[Any], int] | None:
        """What each payload says, and how many colons they have; None where one is unusual: look at each.

        The lines are parsed in one go. Payload n is line n: a payload holds one value at least, and as many
        are found as there are payloads. No value goes over into the next payload, for its closing bracket
        with the next one's opening one behind it is no JSON; a number ends at the line.
        """
        lines = b"\n".join(payloads)
        if not self._is_one_each(payloads, lines) or b"\\" in lines:
            return None
        try:
            told = self._decoder.decode_lines(lines)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return (told, _count(lines, _COLON)) if len(told) == len(payloads) else None

    def _is_one_each(self, payloads: Sequence[bytes], lines: bytes) -> bool:
        if not all(payloads):
            return False
        if self._edges:
            ends = len(payloads) - 1
            if _count(lines, _NEWLINE) == lines.count(self._between) == ends:
                # No payload goes over a line, and each line begins and ends as it should.
                return lines[0] == self._edges[0] and lines[-1] == self._edges[1]
            return set(map(_first, payloads)) == {self._edges[0]} and set(map(_last, payloads)) == {self._edges[1]}
        return _count(lines, _NEWLINE) == len(payloads) - 1 and len(lines.split()) == len(payloads)


class Tree(NamedTuple):
    """``paths``: where the leaves are that ``parser`` gives; ``block``: where the numbers of its block are."""

    parser: Parser
    paths: tuple[Path, ...]
    block: tuple[Path, ...]


class Trees:
    """Parsers by the shape of the message. Mutable: a cache, ``limit`` shapes at most."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._made: dict[object, Parser] = {}

    def of(
        self, body: Any, numbers: Callable[[Path], bool], free: Callable[[Path], bool], *, nulls: bool = True
    ) -> Tree | None:
        """The parser of messages like ``body``; None where it cannot be, or there are too many already.

        A leaf where ``numbers`` holds is a number (or, where it was one, a truth value) in others, or with
        ``nulls`` null; one where ``free`` holds may change.
        """
        node = _node(body, (), numbers, free, nulls=nulls)
        if node.size > MAX_LEAVES or not all(map(PLAIN_KEY.fullmatch, _keys(body))):
            return None
        steps = _block(node)
        block = _at(node, steps) if steps is not None else None
        leaves = [
            (own, leaf) for own, leaf in _leaves(node, "") if not (leaf.is_number and own.rpartition(".")[0] == steps)
        ]
        made = self._made.get(node.like)
        if made is None:
            if len(self._made) >= self._limit:
                return None
            edges = b"" if not node.children else b"[]" if node.names is None else b"{}"
            flat = _dotted([own for own, _ in leaves]) if block is not None or len(leaves) <= _FEW else _flat(node)
            row = None if block is None or steps is None else _row(block, steps)
            made = self._made[node.like] = Parser(_type(node), edges, flat, row)
        cells = () if block is None else tuple(child.path for child in block.children)
        return Tree(made, tuple(leaf.path for _, leaf in leaves), cells)


class _Node(NamedTuple):
    """One value of the message: ``children`` by key or by place (both empty: a leaf of type ``kind``).

    ``is_fixed``: the parser itself sees to it that the leaf says what it said.
    """

    like: object
    kind: Any
    names: tuple[str, ...] | None
    children: tuple[Any, ...]
    path: Path
    size: int = 1
    changes: bool = False
    is_number: bool = False
    is_fixed: bool = False


def _node(  # noqa: PLR0913  what there is to know of a value
    value: Any, path: Path, numbers: Callable[[Path], bool], free: Callable[[Path], bool], *, nulls: bool,
    among_many: bool = False,
) -> _Node:  # fmt: skip
    if isinstance(value, dict | list) and value:
        steps: Sequence[str | int] = list(value) if isinstance(value, dict) else range(len(value))
        names = tuple(value) if isinstance(value, dict) else None
        many = [len(value) > _FEW and (place > 0 or isinstance(value, dict)) for place in range(len(value))]
        children = tuple(
            _node(value[step], (*path, step), numbers, free, nulls=nulls, among_many=among_many or one)  # type: ignore[index]
            for step, one in zip(steps, many, strict=True)
        )
        if path and not any(child.changes for child in children):
            return _Node("raw", msgspec.Raw, None, (), path)
        like = (names, tuple(child.like for child in children))
        return _Node(like, None, names, children, path, sum(child.size for child in children), changes=True)
    if numbers(path):
        kind: Any = bool if isinstance(value, bool) else float
        return _Node((kind, nulls), kind | None if nulls else kind, None, (), path, changes=True, is_number=True)
    if isinstance(value, dict | list):
        return _Node(type(value), _Nothing if isinstance(value, dict) else tuple[()], None, (), path)
    if among_many and not free(path) and (type(value) is str or (type(value) is int and abs(value) < 1 << 53)):
        # One of many alike: so many texts are compared where they are read.
        return _Node(("fixed", value), Literal[value], None, (), path, is_fixed=True)
    kind = type(value) if value is not None else None
    return _Node(kind, kind, None, (), path, changes=free(path))


def _keys(body: Any) -> set[str]:
    inner = body.values() if isinstance(body, dict) else body if isinstance(body, list) else ()
    return {*(body if isinstance(body, dict) else ()), *chain.from_iterable(map(_keys, inner))}


class _Nothing(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An object without keys."""


def _type(node: _Node) -> Any:
    """The type that a parser reads it as; lists are structs too, so that all leaves are attributes."""
    if not node.children:
        return node.kind
    fields = [(f"f{place}", _type(child)) for place, child in enumerate(node.children)]
    if node.names is None:
        if _is_row(node):
            return tuple[tuple(kind for _, kind in fields)]  # type: ignore[misc]
        return msgspec.defstruct("Shape", fields, array_like=True, forbid_unknown_fields=True, gc=False)
    renamed = {f"f{place}": name for place, name in enumerate(node.names)}
    return msgspec.defstruct("Shape", fields, rename=renamed, forbid_unknown_fields=True, gc=False)


def _is_row(node: _Node) -> bool:
    """Whether it is a long list of numbers, which stays a tuple."""
    return node.names is None and len(node.children) > _FEW and all(child.is_number for child in node.children)


def _leaves(node: _Node, own: str) -> list[tuple[str, _Node]]:
    """The leaves that are not fixed, by dotted attributes."""
    if not node.children:
        return [] if node.is_fixed else [(own, node)]
    dot = f"{own}." if own else ""
    return [leaf for place, child in enumerate(node.children) for leaf in _leaves(child, f"{dot}f{place}")]


def _block(node: _Node) -> str | None:
    """Where the one object or list is that has all the numbers, more than a few; None where there is none such."""
    numbers = sum(child.is_number for child in node.children)
    with_numbers = [place for place, child in enumerate(node.children) if child.children and _has_numbers(child)]
    if numbers > _FEW and not with_numbers:
        cells = [child for child in node.children if not child.is_number]
        return "" if all(child.kind in (int, float, bool, None) and not child.children for child in cells) else None
    if numbers or len(with_numbers) != 1:
        return None
    inner = _block(node.children[with_numbers[0]])
    return None if inner is None else f"f{with_numbers[0]}.{inner}".rstrip(".")


def _has_numbers(node: _Node) -> bool:
    return node.is_number or any(map(_has_numbers, node.children))


def _at(node: _Node, steps: str) -> _Node:
    for step in steps.split(".") if steps else ():
        node = node.children[int(step[1:])]
    return node


def _row(block: _Node, steps: str) -> Callable[[Any], Sequence[Any]]:
    """What gives all cells of a block."""
    if not steps:
        return tuple if _is_row(block) else _astuple
    get = attrgetter(steps)
    return get if _is_row(block) else lambda told: _astuple(get(told))


def _dotted(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """What gives the leaves of those names, one by one."""
    if not names:
        return lambda _told: ()
    if names == [""]:
        return lambda told: (told,)
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda told: (get(told),)


def _flat(node: _Node) -> Callable[[Any], tuple[Any, ...]]:
    """What gives very many leaves, those that are fixed left out."""
    outer: Callable[[Any], tuple[Any, ...]] = tuple if _is_row(node) else _astuple
    parts: list[tuple[int, int, Callable[[tuple[Any, ...]], Iterable[Any]]]] = []
    for how, run in groupby(enumerate(node.children), lambda one: _how(*one)):
        children = list(run)
        start, end = children[0][0], children[-1][0] + 1
        if how == "leaf":
            parts.append((start, end, tuple))
        elif isinstance(how, str) and how:
            parts.append((start, end, partial(map, attrgetter(how))))
        elif how:
            parts.append((start, end, partial(_of_first, _flat(children[0][1]))))

    def flat(told: Any) -> tuple[Any, ...]:
        cells = outer(told)
        return tuple(chain.from_iterable([part(cells[start:end]) for start, end, part in parts]))

    return flat


def _of_first(flat: Callable[[Any], tuple[Any, ...]], cells: tuple[Any, ...]) -> tuple[Any, ...]:
    return flat(cells[0])


def _how(place: int, node: _Node) -> str | tuple[int]:
    """How the leaves of a child are got: as they are, none of them, one attribute, or in parts of its own."""
    if not node.children:
        return "" if node.is_fixed else "leaf"
    own = [name for name, _ in _leaves(node, "")]
    return own[0] if len(own) == 1 else (place + 1,)
