"""What the factory file says of episodes: how an asset's are cut, what counts as failure, and what the task is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twin.episodes.episode import CUT
from twin.site import Name

if TYPE_CHECKING:
    from twin._table import Table
    from twin.site import Hub

MAX_GAP_S, DWELL_S, MAX_S = 5.0, 2.0, 3600.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """The task that a program, a cycle key or an order stands for; ``match`` is found in it, "" in every one."""

    match: str
    instruction: Name


@dataclass(frozen=True, slots=True)
class EpisodeRules:
    """How the episodes of an asset (or of all of a type, or of all) are cut and judged.

    ``cycle`` and ``failures`` name signals; left out, they are recognised by their names. ``min_s`` None
    calls a fragment what is shorter than a third of the middle episode. Seconds.
    """

    asset: str = ""
    type: str = ""
    method: str = ""
    cycle: str = ""
    failures: tuple[str, ...] | None = None
    min_s: float | None = None
    max_s: float = MAX_S
    max_gap_s: float = MAX_GAP_S
    pre_s: float = 0.0
    post_s: float = 0.0
    dwell_s: float = DWELL_S
    recipes: tuple[Recipe, ...] = field(default=())

    def instruction(self, *keys: str) -> Name | None:
        """The task of an episode by its program, key …; None where no recipe says."""
        return next(
            (one.instruction for one in self.recipes if not one.match or any(one.match in key for key in keys)), None
        )


def rules_for(given: tuple[EpisodeRules, ...], asset: str, asset_type: str = "") -> EpisodeRules:
    """The rules of an asset: its own, else its type's, else those of all."""
    for one in given:
        if one.asset == asset:
            return one
    for one in given:
        if not one.asset and one.type and one.type == asset_type:
            return one
    return next((one for one in given if not one.asset and not one.type), EpisodeRules())


def episode_rules_of(table: Table, hub: Hub, asset_types: tuple[str, ...]) -> EpisodeRules:
    """Parse one ``[[episodes]]`` table."""
    asset = table.get("asset", str, "")
    if asset and asset not in hub.assets():
        table.wrong("asset", f"no asset {asset!r}", "write its whole path: site/place/asset")
    kind = table.get("type", str, "", choices=("", *asset_types))
    method = table.get("method", str, "", choices=("", *(one.value for one in CUT)))
    cycle = table.get("cycle", str, "")
    failures = table.texts("failures") if table.has("failures") else None
    numbers: dict[str, float] = {}
    for name, default in (
        ("max_s", MAX_S),
        ("max_gap_s", MAX_GAP_S),
        ("pre_s", 0.0),
        ("post_s", 0.0),
        ("dwell_s", DWELL_S),
    ):
        numbers[name] = table.get(name, float, default)
        if numbers[name] < 0:
            table.wrong(name, f"{numbers[name]:g} s is negative")
    min_s = table.get("min_s", float, 0.0) if table.has("min_s") else None
    recipes = tuple(_recipe(one) for one in table.tables("recipe"))
    table.done()
    return EpisodeRules(asset, kind, method, cycle, failures, min_s, recipes=recipes, **numbers)


def _recipe(table: Table) -> Recipe:
    recipe = Recipe(table.get("match", str, ""), Name(table.get("ko", str), table.get("en", str)))
    table.done()
    return recipe
