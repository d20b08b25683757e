"""``[models]`` of a factory file: whether models score live, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin._table import Table

SCORE_TOPICS = "factory-twin-scores/"
"""Below this prefix scores are published, as any device publishes: they come in by the same door."""


@dataclass(frozen=True, slots=True)
class ModelsConfig:
    """``score``: whether active models score what comes in. ``folder``: where they lie; "" beside the store."""

    score: bool = False
    folder: str = ""


def models_of(table: Table) -> ModelsConfig:
    """One table."""
    config = ModelsConfig(table.get("score", bool, False), table.get("folder", str, ""))
    table.done()
    return config


def score_topic(asset: str) -> str:
    """Where the scores of an asset are published."""
    return f"{SCORE_TOPICS}{asset}"


def score_options() -> dict[str, object]:
    """How a score's message reads, as options of the dialect ``json_object``: one stream ``anomaly`` an asset."""
    values = [
        _value("t2", "이상 점수 T² (한계 = 1)", "Anomaly T² (limit = 1)", high=1.0),
        _value("q", "이상 점수 Q (한계 = 1)", "Anomaly Q (limit = 1)", high=1.0),
        _value("forest", "이상 점수 포레스트 (한계 = 1)", "Anomaly forest (limit = 1)"),
        _value("alarm", "이상 지속", "Anomaly persists", kind="flag"),
        _value("sensor", "주요 원인 신호", "Signal most behind it", kind="text"),
        _value("model", "이상 모델", "Anomaly model", kind="text"),
    ]
    topic = SCORE_TOPICS + "{place...}/{asset}"
    return {"topic": topic, "stream": "anomaly", "time": "ts", "time_unit": "ms", "values": values}


def _value(name: str, ko: str, en: str, **more: object) -> dict[str, object]:
    return {"path": name, "signal": f"anomaly.{name}", "ko": ko, "en": en, **more}
