"""Metrics of a payload → definitions (births) and readings (births and data), templates flattened to paths.

D5 to D10 of the host's checklist: the birth's type decodes the data, several values of one metric
stay several and in order, members of a template instance are metrics of their own (``spindle/rpm``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from connectors.decoders._sparkplug import values
from connectors.decoders._sparkplug.places import PLACE_BITS
from connectors.decoders._sparkplug.units import ucum
from connectors.decoders._sparkplug.values import Datatype
from twin.errors import DecodeError
from twin.sample import Quality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.decoders._sparkplug.values import Cell, Shaped

MAX_DEPTH = 8
"""How deep templates may stand in templates."""
MAX_READINGS = 1 << PLACE_BITS
_UNIT_KEYS = frozenset({"engunit", "engineering units", "unit", "units"})
_LOW_KEYS, _HIGH_KEYS = frozenset({"englow"}), frozenset({"enghigh"})
_SCALARS = frozenset(map(int, values.SCALARS))
_NUMBER_FIELDS = ("int_value", "long_value", "float_value", "double_value")


class Definition(msgspec.Struct, array_like=True, frozen=True):
    """What a birth says of a metric, or of a template's member."""

    kind: int
    alias: int | None = None
    unit: str = "1"
    low: float | None = None
    high: float | None = None


class Reading(NamedTuple):
    """One value of one metric: its parts' names ("" for a single one), cells, and which are texts.

    There are no parts where the value is absent and its shape not known.
    """

    path: str
    kind: Datatype
    names: tuple[str, ...]
    cells: tuple[Cell, ...]
    texts: tuple[bool, ...]
    t_ms: int | None
    quality: int
    historical: bool
    transient: bool


class Named(NamedTuple):
    """A metric with the name that it means, its alias resolved."""

    path: str
    metric: Any


class Reader:
    """Reads the metrics of one message. Mutable; used once.

    ``known`` are the definitions of the birth, ``templates`` the member types that definitions name.
    """

    def __init__(
        self, known: Mapping[str, Definition], templates: Mapping[str, Mapping[str, int]], *, birth: bool
    ) -> None:
        self.definitions: dict[str, Definition] = {}
        """What the metrics of a birth are; of data those only that the birth did not name."""
        self.readings: list[Reading] = []
        self.templates: dict[str, dict[str, int]] = {}
        """The member types of the template definitions in this message, by the template's name."""
        self._known = known
        self._all_templates = templates
        self._birth = birth

    def read(self, named: Named) -> None:
        """Take a metric; raises DecodeError for a value that cannot be."""
        path, metric = named
        known = None if self._birth else self._known.get(path)
        if known is not None and known.kind in _SCALARS and not metric.HasField("properties"):
            self._plain(path, metric, values.datatype(known.kind))
            return
        if metric.WhichOneof("value") == "template_value" and metric.template_value.is_definition:
            self._define(path, metric.template_value)
            return
        told = int(metric.datatype)
        self._metric(path, metric, told, None, 0)

    def _plain(self, path: str, metric: Any, kind: Datatype) -> None:
        """A value of one part, of a metric that the birth named: what data mostly is."""
        field = metric.WhichOneof("value")
        cell = None
        if field is not None and not metric.is_null:
            cell = values.scalar(kind, field, getattr(metric, field), path)
        t_ms = int(metric.timestamp) if metric.HasField("timestamp") else None
        self._add(path, kind, (("",), (cell,), (kind in values.TEXTS,)), t_ms, int(Quality.GOOD), metric)

    def _define(self, name: str, template: Any) -> None:
        self.templates[name] = {member.name: int(member.datatype) for member in template.metrics if member.datatype}

    def _kind(self, path: str, told: int, field: str | None) -> Datatype:
        """The birth's type; in a birth, or where it named none, the one told here; else that of the field."""
        known = self._known.get(path)
        if known is not None and not self._birth:
            return values.datatype(known.kind)
        if told:
            return values.datatype(told)
        if known is not None:
            return values.datatype(known.kind)
        if field is None:
            raise DecodeError("datatype", f"{path!r} has neither a datatype nor a value")
        return values.type_of_field(field)

    def _metric(self, path: str, metric: Any, told: int, template_ms: int | None, depth: int) -> None:
        field = metric.WhichOneof("value")
        kind = self._kind(path, told, field)
        t_ms = int(metric.timestamp) if metric.HasField("timestamp") else template_ms
        quality, unit, low, high = _properties(metric)
        if self._birth or path not in self._known:
            alias = int(metric.alias) if metric.HasField("alias") and depth == 0 else None
            self.definitions[path] = Definition(int(kind), alias, unit, low, high)
        if field is None or metric.is_null:
            if kind is not Datatype.TEMPLATE:
                shaped = (("",), (None,), (kind in values.TEXTS,)) if kind in values.SCALARS else ((), (), ())
                self._add(path, kind, shaped, t_ms, quality, metric)
            return
        value = getattr(metric, field)
        if kind is Datatype.TEMPLATE:
            if field != "template_value":
                raise DecodeError("type", f"{path}: {field} where a template belongs")
            self._template(path, value, t_ms, depth)
        elif kind is Datatype.DATASET:
            if field != "dataset_value":
                raise DecodeError("type", f"{path}: {field} where a data set belongs")
            self._add(path, kind, values.dataset(value, path), t_ms, quality, metric)
        elif kind in values.ARRAYS:
            self._add(path, kind, values.array(kind, field, value, path), t_ms, quality, metric)
        elif kind in values.SCALARS:
            cell = values.scalar(kind, field, value, path)
            self._add(path, kind, (("",), (cell,), (kind in values.TEXTS,)), t_ms, quality, metric)
        else:
            raise DecodeError("datatype", f"{path}: {kind.name} is no datatype of a metric")

    def _template(self, path: str, template: Any, t_ms: int | None, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise DecodeError("depth", f"{path}: templates nested deeper than {MAX_DEPTH}")
        members = self.templates.get(template.template_ref) or self._all_templates.get(template.template_ref, {})
        for member in template.metrics:
            told = int(member.datatype) or members.get(member.name, 0)
            self._metric(f"{path}/{member.name}", member, told, t_ms, depth + 1)
        for parameter in template.parameters:
            field = parameter.WhichOneof("value")
            if field is None:
                continue
            where = f"{path}/{parameter.name}"
            kind = self._kind(where, int(parameter.type), field)
            self.definitions.setdefault(where, Definition(int(kind)))
            cell = values.scalar(kind, field, getattr(parameter, field), where)
            self._add(where, kind, (("",), (cell,), (kind in values.TEXTS,)), t_ms, Quality.GOOD, None)

    def _add(  # noqa: PLR0913  a reading has this many parts
        self,
        path: str,
        kind: Datatype,
        shaped: Shaped,
        t_ms: int | None,
        quality: int,
        metric: Any,
    ) -> None:
        if len(self.readings) >= MAX_READINGS:
            raise DecodeError("too_many_values", f"more than {MAX_READINGS} values in one message")
        historical = metric is not None and bool(metric.is_historical)
        transient = metric is not None and bool(metric.is_transient)
        self.readings.append(Reading(path, kind, *shaped, t_ms, quality, historical, transient))


def _properties(metric: Any) -> tuple[int, str, float | None, float | None]:
    """(quality, unit, low, high) of a metric's properties; § 6.4.12 for the quality."""
    quality, unit, low, high = int(Quality.GOOD), "1", None, None
    if not metric.HasField("properties"):
        return quality, unit, low, high
    for key, value in zip(metric.properties.keys, metric.properties.values, strict=False):
        field = value.WhichOneof("value")
        folded = key.casefold()
        if key == "Quality" and field == "int_value":
            told = value.int_value
            quality = int(told) if told in (Quality.BAD, Quality.GOOD, Quality.STALE) else int(Quality.UNCERTAIN)
        elif folded in _UNIT_KEYS and field == "string_value":
            unit = ucum(value.string_value)
        elif folded in _LOW_KEYS and field in _NUMBER_FIELDS:
            low = float(getattr(value, field))
        elif folded in _HIGH_KEYS and field in _NUMBER_FIELDS:
            high = float(getattr(value, field))
    return quality, unit, low, high
