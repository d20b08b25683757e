"""Finding plug-ins: the file's name is the plug-in's name is the word in the factory file.

A name is looked for as a module of our own package of that kind, then among the entry points of the
group ``factory_twin.<kind>``. No registry, no decorator, no list to edit.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

import msgspec

from twin.alarms.given import laid_over
from twin.alarms.rule import rules_of_assets
from twin.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from twin.alarms.rule import Rules, RulesByAsset
    from twin.config import Factory
    from twin.decoder import Decoder
    from twin.site import AssetType, Hub

_PACKAGES = {"decoders": "connectors.decoders", "sources": "connectors.sources", "assets": "twin.assets"}


@functools.cache
def _strangers(kind: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=f"factory_twin.{kind}")}


def names(kind: str) -> tuple[str, ...]:
    """Every plug-in of a kind (decoders, sources, assets), our own and strangers', sorted."""
    package = importlib.import_module(_PACKAGES[kind])
    own = {module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")}
    return tuple(sorted(own | _strangers(kind).keys()))


def load(kind: str, name: str) -> ModuleType:
    """The module of that plug-in; raises PluginError with the names there are."""
    if name in names(kind):
        if name in _strangers(kind):
            found: ModuleType = _strangers(kind)[name].load()
            return found
        return importlib.import_module(f"{_PACKAGES[kind]}.{name}")
    raise PluginError(kind.removesuffix("s"), name, names(kind))


def description(kind: str, name: str) -> str:
    """The first sentence of the plug-in's docstring."""
    return (load(kind, name).__doc__ or "").strip().partition("\n")[0]


def asset_types() -> dict[str, AssetType]:
    """Every asset type by name."""
    found: dict[str, AssetType] = {name: load("assets", name).ASSET_TYPE for name in names("assets")}
    return found


def rules_of(factory: Factory) -> RulesByAsset:
    """The alarm rules of every declared asset: its type's, with those of the factory file laid over them."""
    return rules_of_assets(laid_over(factory.hub, type_rules(), factory.alarms))


def type_rules() -> dict[str, Rules]:
    """The alarm rules of every asset type."""
    return {name: kind.alarms for name, kind in asset_types().items()}


def make_decoder(name: str, options: Mapping[str, Any], source: str, hub: Hub) -> Decoder:
    """A decoder of that dialect for one source."""
    module = load("decoders", name)
    typed = msgspec.convert(dict(options), module.Options)
    decoder: Decoder = module.Decoder(typed, source, hub, asset_types())
    return decoder


def check_source(source_type: str, decoder: str, options: object) -> list[tuple[str, str]]:
    """What is wrong with a source's type, decoder and options: (key, problem) pairs."""
    problems: list[tuple[str, str]] = []
    try:
        load("sources", source_type)
    except PluginError as error:
        problems.append(("type", str(error)))
    try:
        module = load("decoders", decoder)
    except PluginError as error:
        return [*problems, ("decoder", str(error))]
    try:
        msgspec.convert(options, module.Options)
    except (msgspec.ValidationError, ValueError) as error:
        problems.append(("options", str(error)))
    return problems
