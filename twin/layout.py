"""Where people put things on a site's floor plan: laid over what the factory file says, and what differs. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from twin.site import Asset, Hub, Pose, Site

SAME_M = 1e-3
SAME_RAD = 1e-4
"""Less than this is no move."""
OUTSIDE_M = 5.0
"""How far beyond the floor something may stand."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One version of a site's layout. ``placed`` holds only what stands elsewhere than the factory file says.

    ``n`` counts from 1; 0 is the factory file itself. ``drawing`` is the SHA-256 of the drawing under the
    plan, "" for none; ``restored`` the earlier version that this one brings back, -1 for none.
    """

    site: str
    n: int = 0
    at_ns: int = 0
    who: str = ""
    note: str = ""
    placed: Mapping[str, Pose] = field(default_factory=dict)
    drawing: str = ""
    restored: int = -1


@dataclass(frozen=True, slots=True)
class Move:
    """An asset that stands elsewhere in one layout than in another."""

    asset: str
    before: Pose
    after: Pose

    @property
    def distance_m(self) -> float:
        """How far it went."""
        return math.hypot(self.after.x_m - self.before.x_m, self.after.y_m - self.before.y_m)


def laid_over(hub: Hub, layouts: Iterable[Layout]) -> Hub:
    """The hub with its assets where the layouts put them."""
    placed = {asset: pose for layout in layouts for asset, pose in layout.placed.items()}
    if not placed:
        return hub
    return replace(hub, sites=tuple(_site(site, placed) for site in hub.sites))


def _site(site: Site, placed: Mapping[str, Pose]) -> Site:
    return replace(
        site, assets=tuple(replace(one, pose=placed[one.id]) if one.id in placed else one for one in site.assets)
    )


def differing(site: Site, placed: Mapping[str, Pose]) -> dict[str, Pose]:
    """What of ``placed`` stands elsewhere than the factory file says; heights stay those of the file."""
    assets = {asset.id: asset for asset in site.assets}
    poses = {asset: replace(pose, z_m=assets[asset].pose.z_m) for asset, pose in placed.items() if asset in assets}
    return {asset: pose for asset, pose in poses.items() if not is_same(pose, assets[asset].pose)}


def moves(assets: Iterable[Asset], before: Layout, after: Layout) -> list[Move]:
    """What stands elsewhere after than before, in the order of the assets."""
    found = [Move(one.id, before.placed.get(one.id, one.pose), after.placed.get(one.id, one.pose)) for one in assets]
    return [one for one in found if not is_same(one.before, one.after)]


def is_same(one: Pose, other: Pose) -> bool:
    """Whether two poses are the same for people."""
    turn = math.remainder(one.yaw_rad - other.yaw_rad, 2 * math.pi)
    return max(abs(one.x_m - other.x_m), abs(one.y_m - other.y_m)) < SAME_M and abs(turn) < SAME_RAD


def problem_of(site: Site, asset: str, pose: Pose) -> str:
    """Why an asset cannot stand there; "" where it can."""
    if all(one.id != asset for one in site.assets):
        return f"{asset!r} is no asset of {site.id}"
    if not all(math.isfinite(value) for value in (pose.x_m, pose.y_m, pose.yaw_rad)):
        return f"{asset}: a position is three numbers"
    (width, depth), far = site.size_m, OUTSIDE_M
    if not (-far <= pose.x_m <= width + far and -far <= pose.y_m <= depth + far):
        return f"{asset}: ({pose.x_m:g}, {pose.y_m:g}) is not on the floor of {width:g} by {depth:g} m"
    return ""
