"""Words in Korean and English: ours by key, and those of the browser's components."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec


@cache
def own_words(lang: str) -> dict[str, str]:
    """The words of the pages that Python lays out."""
    return _read(f"{lang}.json")


@cache
def component_words(lang: str) -> dict[str, str]:
    """The words of the components that JavaScript draws."""
    return _read(f"components.{lang}.json")


@cache
def words(lang: str) -> dict[str, str]:
    """Every word by its key."""
    return {**component_words(lang), **own_words(lang)}


def _read(name: str) -> dict[str, str]:
    return msgspec.json.decode((files(__name__) / name).read_bytes(), type=dict[str, str])
