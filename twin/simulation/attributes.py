"""Reading an asset's attributes as a simulation's parameters, with clear words where one is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.errors import ScenarioError

if TYPE_CHECKING:
    from twin.site import Asset


def number(asset: Asset, key: str, default: float | None, *, low: float, high: float) -> float:
    """The attribute as a number within ``low``…``high``; raises ScenarioError if it is none.

    Without a ``default`` the attribute must be there.
    """
    value = asset.attributes.get(key, default)
    if value is None:
        raise ScenarioError(f"{asset.id}: a simulated {asset.type} needs the attribute {key}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ScenarioError(f"{asset.id}: {key} = {value!r} is no number from {low:g} to {high:g}")
    return float(value)


def word(asset: Asset, key: str, default: str) -> str:
    """The attribute as text; raises ScenarioError if it is something else."""
    value = asset.attributes.get(key, default)
    if not isinstance(value, str):
        raise ScenarioError(f"{asset.id}: {key} = {value!r} is no text")
    return value
