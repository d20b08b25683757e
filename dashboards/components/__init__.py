"""The browser's coarse components, as Dash sees them.

The JavaScript lies beside this file, built from ``dashboards/web`` (``npm run build``) and committed: one
bundle for every page, and one for what is drawn with three.js, which the first loads when it is needed. A
component draws its frame once; live packets and replays reach it through the page's
one socket, not through Dash. Common props:

- ``lang`` (str): ``ko`` or ``en``, for names that the directory holds; texts come from
  ``window.factoryTwin.words`` or from ``words`` (dict[str, str]), keys in ``dashboards/i18n``.
- ``site`` (str): a site id, or ``*`` for all.
- ``timezone`` (str): an IANA zone for clocks and axes; the site's own where left out.
- ``className`` (str): further CSS classes of the outermost element.
"""

from __future__ import annotations

from typing import Any, ClassVar

from dash.development.base_component import Component, ComponentRegistry

__version__ = "0.1.0"

NAMESPACE = "factory_twin"
"""Where the browser finds the components: ``window.factory_twin``."""
_js_dist = [{"relative_package_path": "factory_twin.min.js", "namespace": __name__}]
_css_dist: list[dict[str, str]] = []
# Dash looks for scripts in the top-level package of a component; ours lie in this one.
ComponentRegistry.registry.add(__name__)  # type: ignore[no-untyped-call]

_COMMON = ("id", "lang", "timezone", "words", "className")


class _Coarse(Component):
    """A component that takes the props its class lists, and no other."""

    _children_props: list[str] = []  # noqa: RUF012  Dash declares both on the instance
    _base_nodes: list[str] = ["children"]  # noqa: RUF012
    _namespace = NAMESPACE
    _props: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **props: Any) -> None:
        names = [*_COMMON, *self._props]
        unknown = sorted(set(props) - set(names))
        if unknown:
            raise TypeError(f"{type(self).__name__} has no prop {', '.join(unknown)}; there are: {', '.join(names)}")
        self._type = type(self).__name__
        self._prop_names = names
        self._valid_wildcard_attributes: list[str] = []
        self.available_properties = names
        self.available_wildcard_properties: list[str] = []
        super().__init__(**{name: value for name, value in props.items() if value is not None})  # type: ignore[no-untyped-call]


class StatusBar(_Coarse):
    """Data rate, connection, catching up, mode and clock, for the page's header; the replay's band.

    Props: the common ones, and ``site``.
    """

    _props = ("site",)


class TileGrid(_Coarse):
    """Tiles or rows of one kind.

    Props: the common ones, and

    - ``view``: ``overview`` (a card a site), ``assets`` (a site's assets as a list), ``signals``
      (all signals of ``asset``), ``connections`` (the accounting of what was received), ``line`` (a line
      as ``flow`` says), ``joints``, ``cell``, ``safety`` (an arm's joints and tool, its program and cycles,
      what it says of safety), ``fleet`` (a site's mobile robots), ``oee`` (figures and losses of ``scope``),
      ``report`` (a shift's report), ``whatif`` (what-ifs of a site), ``label`` (episodes to be labelled) or
      ``models`` (anomaly models).
    - ``site``, ``asset`` (an asset's id, for ``signals``), ``assets`` (list of ids, for ``assets``;
      left out: all of the site).
    - ``selected`` (written by clicks): an asset's id in ``assets`` and ``fleet``, a signal's id in ``signals``
      and ``joints``.
    - ``signals`` (list of ids): further signals to mark as selected, in ``signals`` and ``joints``.
    - ``flow``: `dashboards.summary.line.flow_json` of a line, for ``line``.
    - ``scope`` (id of a site, line or asset) and ``scopes`` (those to choose from: id, of, name), for ``oee``.
    - ``targets`` (what can be changed: id, kind, line, standard), for ``whatif``.
    - ``day`` (a local date) and ``shift`` (its id), for ``report``; left out: the running shift.
    """

    _props = (
        "view", "site", "asset", "assets", "selected", "signals", "flow", "scope", "scopes", "day", "shift", "targets",
    )  # fmt: skip


class TwinView(_Coarse):
    """The floor with everything that moves on it, or a few assets seen close.

    Props: the common ones, and

    - ``site``, ``assets`` (list of ids: only these, seen close; left out: the whole floor).
    - ``mode``: ``2d`` or ``3d``.
    - ``selected`` (written by clicks): an asset's id. A double click leads to ``/asset/<id>``.
    - ``routes`` (bool): the ways of mobile robots, released ones solid, those to come dashed.
    - ``focus`` (an asset type): the names of other types' assets stand back.
    """

    _props = ("site", "assets", "mode", "selected", "routes", "focus")


class LayoutEditor(_Coarse):
    """A site's plan to work on: assets dragged, moved by keys, turned; a drawing under it; versions to restore.

    Props: the common ones, and ``site``.
    """

    _props = ("site",)


class TrendStrip(_Coarse):
    """Trends of numeric signals, history and live as one series, one lane a signal.

    Props: the common ones, and ``signals`` (list of signal ids), ``span_s`` (seconds shown, 600 by
    default), ``height`` (pixels; left out: fills its parent), ``site``.
    """

    _props = ("signals", "span_s", "height", "site")


class CompareBoard(_Coarse):
    """Two recordings on one relative axis: a ghost on the floor, trends, states, and what differs.

    Its state is the page's address. Props: the common ones, and ``site`` (``*``: the directory it looks things up in).
    """

    _props = ("site",)


class TrendBoard(_Coarse):
    """Trends of many signals over one time axis, with all that belongs to them; its state is the page's address.

    Props: the common ones, and ``site`` (whose packets it listens to), ``shifts`` (seconds of a shift by
    site), ``may_export`` and ``may_keep`` (bool: whether the reader may export, and keep groups of pens).
    """

    _props = ("site", "shifts", "may_export", "may_keep")


class StateStrip(_Coarse):
    """State lanes of assets over a window, what was received, events; with the time bar's controls.

    Props: the common ones, and ``site``, ``assets`` (list of ids, of a site or a place: one lane of
    all that stands there; left out: all that have states),
    ``hours`` (length of the window, 8 by default), ``controls`` (bool: the time bar).
    """

    _props = ("site", "assets", "hours", "controls")


class AlarmBanner(_Coarse):
    """The three most urgent alarms that wait, counts by priority, the rate, the sound: above every page.

    Props: the common ones, and ``may``: the actions that the person may do, by site.
    """

    _props = ("may",)


class AlarmList(_Coarse):
    """The Alarms page: tabs, filters, the list and the journal, and one alarm in full.

    Props: the common ones, and ``site`` (chosen first), ``may`` (as of `AlarmBanner`), ``may_export`` (bool).
    """

    _props = ("site", "may", "may_export")


class AlarmFigures(_Coarse):
    """The alarm system's own figures. Props: the common ones, and ``site``, ``compact`` (bool: a row of few)."""

    _props = ("site", "compact")


class AssetAlarms(_Coarse):
    """The alarms that one asset has, and its last ones. Props: the common ones, and ``asset`` (an id)."""

    _props = ("asset",)


__all__ = [
    "AlarmBanner",
    "AlarmFigures",
    "AlarmList",
    "LayoutEditor",
    "StateStrip",
    "StatusBar",
    "TileGrid",
    "TrendBoard",
    "TrendStrip",
    "TwinView",
]
