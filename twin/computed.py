"""What processes of the twin compute of stored samples: it comes in as a device's messages do, by sources of its own.

A table of the factory file says ``score = true``, and that is all: the sources are added, and `twin run` starts
the process (docs/decisions/0044).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin._table import Table


@dataclass(frozen=True, slots=True)
class Computed:
    """One kind: ``name`` of its sources, its lock and its client; ``prefix`` of its topics; ``stream`` of an asset.

    Where ``stream`` is "" the last level of a topic says which.
    ``values`` names the fields of a message as the dialect ``json_object`` does; without any they are named as they
    stand there.
    """

    name: str
    prefix: str
    stream: str
    values: tuple[Mapping[str, object], ...] = ()

    def topic(self, asset: str, stream: str = "") -> str:
        """Where what is computed of an asset is published."""
        return f"{self.prefix}{asset}" if self.stream else f"{self.prefix}{asset}/{stream}"

    def topics(self, site: str) -> str:
        """The filter of all of a site."""
        return f"{self.prefix}{site}/#"

    def options(self) -> dict[str, object]:
        """How a message reads, as options of the dialect ``json_object``."""
        named: dict[str, object] = {"values": [dict(one) for one in self.values]} if self.values else {}
        topic = self.topic("{place...}/{asset}", "{stream}")
        stream = {"stream": self.stream} if self.stream else {}
        return {"topic": topic, **stream, "time": "ts", "time_unit": "ms", **named}


def _value(name: str, ko: str, en: str, **more: object) -> dict[str, object]:
    return {"path": name, "signal": f"anomaly.{name}", "ko": ko, "en": en, **more}


SCORES = Computed(
    "models",
    "factory-twin-scores/",
    "anomaly",
    (
        _value("t2", "이상 점수 T² (한계 = 1)", "Anomaly T² (limit = 1)", high=1.0),
        _value("q", "이상 점수 Q (한계 = 1)", "Anomaly Q (limit = 1)", high=1.0),
        _value("forest", "이상 점수 포레스트 (한계 = 1)", "Anomaly forest (limit = 1)"),
        _value("alarm", "이상 지속", "Anomaly persists", kind="flag"),
        _value("sensor", "주요 원인 신호", "Signal most behind it", kind="text"),
        _value("model", "이상 모델", "Anomaly model", kind="text"),
    ),
)
"""Of anomaly models: ratios to their limits, alarms, what is behind them."""

EXPECTATIONS = Computed("expect", "factory-twin-expected/", "")
"""Of robot arms: torque and cycle as a fit expects them, and how far off they are; the asset type names the signals."""


@dataclass(frozen=True, slots=True)
class ExpectConfig:
    """``score``: whether fitted arms are scored beside what is expected of them, as it comes in."""

    score: bool = False


def expect_of(table: Table) -> ExpectConfig:
    """One table ``[expect]``."""
    config = ExpectConfig(table.get("score", bool, False))
    table.done()
    return config
