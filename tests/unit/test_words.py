"""The word catalogues: complete, used, and the same in both languages."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

import dashboards
from dashboards.i18n import component_words, own_words
from dashboards.page import find_pages

ROOT = Path(dashboards.__file__).parent
SOURCES = [
    *ROOT.glob("*.py"),
    *(ROOT / "pages").glob("*.py"),
    *(ROOT / "cards").glob("*.py"),
    *(ROOT / "access").glob("*.py"),
    *(ROOT / "calls").glob("*.py"),
    *(ROOT / "assets").glob("*.js"),
]
KEY = re.compile(r"""["']([a-z_]+\.[a-z0-9_]+)["']""")


MADE = re.compile(r"""f["']([a-z_]+\.[a-z0-9_]*)\{""")
"""The beginning of keys that end in a value: ``f"try.{column}"``."""


def _used() -> set[str]:
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    made = {f"page.{page.name}" for page in find_pages()} | {"floor.2d", "floor.3d"}
    made |= {key for begin in MADE.findall(text) for key in own_words("en") if key.startswith(begin)}
    return {
        key for key in KEY.findall(text) if key.split(".")[0] in {one.split(".")[0] for one in own_words("en")}
    } | made


def test_both_languages_have_the_same_keys():
    assert own_words("ko").keys() == own_words("en").keys()
    assert component_words("ko").keys() == component_words("en").keys()


def test_no_key_is_missing_and_none_is_unused():
    assert _used() - own_words("en").keys() == set()
    assert own_words("en").keys() - _used() == set()


def test_the_pages_words_and_the_components_do_not_overlap():
    assert not own_words("en").keys() & component_words("en").keys()


@pytest.mark.parametrize("key", sorted(own_words("en")))
def test_a_word_takes_the_same_values_in_both_languages(key):
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    assert fields(own_words("ko")[key]) == fields(own_words("en")[key])
