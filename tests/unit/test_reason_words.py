"""Every reason that a message can be rejected for is a word on the screen, in both languages."""

from __future__ import annotations

import ast
import json
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SPOKEN_ELSEWHERE = {"key_conflict", "store_rejected", "decoder_fault", "too_large"}


@cache
def reasons() -> set[str]:
    found = set(SPOKEN_ELSEWHERE)
    for folder in ("connectors", "twin"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "DecodeError" and node.args:
                    first = node.args[0]
                    if isinstance(first, ast.Constant):
                        found.add(str(first.value))
    return found


def test_every_reason_has_a_word_in_korean_and_english() -> None:
    assert len(reasons()) > 10
    for language in ("ko", "en"):
        words = json.loads((ROOT / f"dashboards/i18n/components.{language}.json").read_text("utf-8"))
        assert not {reason for reason in reasons() if f"reason.{reason}" not in words}, language
