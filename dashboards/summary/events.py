"""What happened, as the pages tell it: the plant's events, and the twin's own only when something is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.summary.directory import OWN
from twin.events import Event, EventKind
from twin.ids import site_of
from twin.packml import FAULTED, UnitState, state_named

if TYPE_CHECKING:
    from dashboards.view import View

LOOKED_THROUGH = 4000
"""How many events are searched for notable ones: about an hour of a plant of fifty assets."""
_OWN_MARGIN = 100
_OWN_QUIET = (EventKind.ASSET_APPEARED, EventKind.SOURCE_CONNECTED)
_EVERYDAY = (EventKind.ACTION_CHANGED, EventKind.ORDER_CHANGED)
_NOTABLE = {*FAULTED, UnitState.HELD, UnitState.HOLDING}


def told(view: View, start_ns: int, *, asset: str = "", limit: int = 100, notable: bool = False) -> list[Event]:
    """Events of an asset (of all with "") up to the view's clock, newest first.

    ``notable`` leaves out the everyday changes of state.
    """
    ask = LOOKED_THROUGH if notable else limit + _OWN_MARGIN
    found = view.events(start_ns, view.clock_ns + 1, asset=asset, limit=ask)
    return [one for one in found if not is_own_and_well(one) and (not notable or is_notable(one))][:limit]


def is_own_and_well(event: Event) -> bool:
    """Whether it is the twin saying of its own parts that they work."""
    return site_of(event.asset) == OWN and event.kind in _OWN_QUIET


def is_notable(event: Event) -> bool:
    """Whether it is into or out of a fault or a hold, or no change of state at all."""
    if event.kind in _EVERYDAY:
        return False
    if event.kind is not EventKind.STATE_CHANGED:
        return True
    return not _NOTABLE.isdisjoint((state_named(event.before), state_named(event.after)))
