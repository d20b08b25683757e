"""Writing assets into a factory file: its comments and order stay, and what changes is seen before it is written."""

from __future__ import annotations

import difflib
import math
import os
import re
import shutil
import tempfile
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import tomlkit

from connectors.factory_file import factory_of
from twin.errors import ConfigError, Mistake
from twin.ids import site_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HEADER = re.compile(r"^[ \t]*\[\[?[ \t]*(?P<path>[^\[\]#]+?)[ \t]*\]\]?[ \t]*(?:#.*)?$")
_SITE, _ASSET = "site", "site.asset"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """An asset as it is to stand in the factory file: ``asset`` is its whole id, ``yaw_rad`` in radians.

    "" and None leave what is there, or a default: the other language's name, the floor's corner.
    """

    asset: str
    type: str = ""
    name_ko: str = ""
    name_en: str = ""
    x_m: float | None = None
    y_m: float | None = None
    yaw_rad: float | None = None
    attributes: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """A change to a factory file, not written yet."""

    path: Path
    before: bytes
    after: bytes

    @property
    def diff(self) -> str:
        """What changes, as a unified diff; "" for nothing."""
        old, new = (text.decode("utf-8").splitlines(keepends=True) for text in (self.before, self.after))
        name = self.path.name
        lines = difflib.unified_diff(old, new, name, name, n=2)
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)

    def write(self) -> Path:
        """Replace the file at once, and keep the old one as ``.bak``; returns the backup's path.

        Raises ConfigError where the file is another one than the diff was made of, or cannot be written.
        """
        backup = self.path.with_name(self.path.name + ".bak")
        name = ""
        try:
            if self.path.read_bytes() != self.before:
                raise ConfigError(
                    (Mistake("file", "it changed meanwhile", "look at the new diff first"),), str(self.path)
                )
            with tempfile.NamedTemporaryFile(dir=self.path.parent, prefix=f".{self.path.name}.", delete=False) as file:
                name = file.name
                file.write(self.after)
                file.flush()
                os.fsync(file.fileno())
            shutil.copymode(self.path, name)
            shutil.copy2(self.path, backup)
            Path(name).replace(self.path)
        except OSError as error:
            if name:
                with suppress(OSError):
                    Path(name).unlink()
            raise ConfigError((Mistake("file", error.strerror or str(error)),), str(self.path)) from error
        return backup


def edit(path: Path, accepted: Iterable[Acceptance]) -> Edit:
    """The factory file with these assets in it; raises ConfigError where it would be no good one any more.

    Assets that stand in it already get the new name, place and type; others are put behind the
    last asset of their site.
    """
    try:
        before = path.read_bytes()
    except OSError as error:
        raise ConfigError((Mistake("file", error.strerror or str(error)),), str(path)) from error
    factory_of(before, path, {})
    text = before.decode("utf-8")
    wanted = list(accepted)
    for one in wanted:
        text = _with(text, one, path)
    after = text.encode("utf-8")
    # Only what stands in the file: what the environment lays over it is not its business.
    declared = factory_of(after, path, {}).hub.assets()
    missing = [Mistake(one.asset, "no name in the file gives this id") for one in wanted if one.asset not in declared]
    if missing:
        raise ConfigError(tuple(missing), str(path))
    return Edit(path, before, after)


def _with(text: str, one: Acceptance, path: Path) -> str:
    data = tomllib.loads(text)
    site, _, below = one.asset.partition("/")
    below = unquote(below)  # names stand in the file as they are, and are encoded when it is read
    sites = [table.get("id") for table in data.get("site", [])]
    if site_of(one.asset) not in sites or not below:
        problem = f"the hub has no site {site!r}: an asset's id begins with its site"
        hint = f"let the asset option of its source put it below one of {', '.join(map(str, sites))}"
        raise ConfigError((Mistake(one.asset, problem, hint),), str(path))
    place = sites.index(site)
    known = [table.get("id") for table in data["site"][place].get("asset", [])]
    if below in known:
        return _changed(text, place, known.index(below), one)
    if not one.type:
        raise ConfigError((Mistake(one.asset, "it needs a type", "--type"),), str(path))
    block = _block(below, one)
    added = _inserted(text, place, block)
    expected = data
    expected["site"][place].setdefault("asset", []).append(tomllib.loads(tomlkit.dumps(block)))
    if _parsed(added) == expected:
        return added
    # The file is laid out in a way that the scan for headers does not understand: tomlkit does.
    document = tomlkit.parse(text)
    sites_there: Any = document["site"]
    inline = isinstance(sites_there[place], tomlkit.items.InlineTable)
    assets = sites_there[place].setdefault("asset", tomlkit.array() if inline else tomlkit.aot())
    assets.append(_inline(block) if isinstance(assets, tomlkit.items.Array) else block)
    return tomlkit.dumps(document)


def _parsed(text: str) -> object:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _block(below: str, one: Acceptance) -> tomlkit.items.Table:
    block = tomlkit.table()
    block["id"] = below
    block["type"] = one.type
    leaf = below.rpartition("/")[2]
    ko, en = one.name_ko or one.name_en or leaf, one.name_en or one.name_ko or leaf
    block["name"] = _inline({"ko": ko, "en": en})
    pose = _pose(one, {})
    if pose:
        block["pose"] = _inline(pose)
    if one.attributes:
        block["attributes"] = _inline(dict(one.attributes))
    return block


def _pose(one: Acceptance, known: Mapping[str, Any]) -> dict[str, Any]:
    """The pose as the file writes it: metres, degrees."""
    pose = dict(known)
    for key, value in (("x_m", one.x_m), ("y_m", one.y_m)):
        if value is not None:
            pose[key] = round(float(value), 3)
    if one.yaw_rad is not None:
        pose["yaw_deg"] = round(math.degrees(one.yaw_rad), 2)
    return pose


def _inline(values: Mapping[str, Any]) -> tomlkit.items.InlineTable:
    table: Any = tomlkit.parse("v = { " + ", ".join(f"{_item(key, value)}" for key, value in values.items()) + " }")
    found: tomlkit.items.InlineTable = table["v"]
    return found


def _item(key: str, value: object) -> str:
    return tomlkit.dumps({key: value}).strip()


def _changed(text: str, site: int, place: int, one: Acceptance) -> str:
    """The text with an asset's own words replaced."""
    document: Any = tomlkit.parse(text)
    asset = document["site"][site]["asset"][place]
    if one.type and asset.get("type") != one.type:
        asset["type"] = one.type
    names = asset.get("name")
    names = {"ko": names, "en": names} if isinstance(names, str) else dict(names or {})
    wanted = names | {key: name for key, name in (("ko", one.name_ko), ("en", one.name_en)) if name}
    if wanted != names:
        asset["name"] = _inline(wanted)
    known = dict(asset.get("pose") or {})
    pose = _pose(one, known)
    if pose != known:
        asset["pose"] = _inline(pose)
    return tomlkit.dumps(document)


def _inserted(text: str, site: int, block: tomlkit.items.Table) -> str:
    """The text with a block behind the last asset of the n-th site, indented as that is."""
    lines = text.splitlines(keepends=True)
    headers = [
        (number, found["path"].replace(" ", "")) for number, line in enumerate(lines) if (found := _HEADER.match(line))
    ]
    starts = [number for number, path in headers if path == _SITE]
    start = starts[site] if site < len(starts) else 0
    ends = [number for number, path in headers if number > start and not path.startswith(_SITE + ".")]
    end = ends[0] if ends else len(lines)
    inside = [(number, path) for number, path in headers if start < number < end]
    last = max((number for number, path in inside if path.startswith(_ASSET)), default=None)
    after = end if last is None else next((number for number, _ in inside if number > last), end)
    at = max(number for number in range(start, after) if _says_something(lines[number])) + 1
    like = lines[last if last is not None else inside[-1][0] if inside else start]
    indent = like[: len(like) - len(like.lstrip())] if last is not None or inside else "  "
    body = f"[[{_ASSET}]]\n" + tomlkit.dumps(block)
    ending = "\r\n" if lines[start].endswith("\r\n") else "\n"
    new = "".join(f"{indent}{line}{ending}" for line in body.splitlines())
    if not lines[at - 1].endswith("\n"):
        lines[at - 1] += ending
    return "".join([*lines[:at], ending, new, *lines[at:]])


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")
