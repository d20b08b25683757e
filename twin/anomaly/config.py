"""``[models]`` of a factory file: whether models score live, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin._table import Table


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
