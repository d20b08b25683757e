"""Parts of a factory's ingest: whole sources, by their sites."""

from __future__ import annotations

import tomllib

import pytest

from twin.config import parse_factory
from twin.errors import ConfigError
from twin.partition import only

TEXT = """
[hub]
id = "h"
name = "H"
[[site]]
id = "jeonju"
name = "Jeonju"
[[site]]
id = "changwon"
name = "Changwon"
[[source]]
name = "arms"
topics = ["jeonju/+/joints", "jeonju/line1/#"]
decoder = "json_object"
[[source]]
name = "tools"
topics = ["changwon/#"]
decoder = "json_object"
"""
EVERYWHERE = """
[[source]]
name = "gateway"
topics = ["gateway/#"]
decoder = "json_object"
"""


def factory(text):
    return parse_factory(tomllib.loads(text), ())


def test_each_part_has_its_sites_sources_and_a_writer_of_its_own():
    whole = factory(TEXT)
    jeonju, changwon = only(whole, ["jeonju"]), only(whole, ["changwon"])
    assert [s.name for s in jeonju.sources] == ["arms"]
    assert [s.name for s in changwon.sources] == ["tools"]
    assert len({whole.ingest.writer, jeonju.ingest.writer, changwon.ingest.writer}) == 3
    both = only(whole, ["jeonju", "changwon"])
    assert both.sources == whole.sources
    assert both.ingest.writer == only(whole, ["changwon", "jeonju"]).ingest.writer


def test_a_source_says_its_site_where_its_topics_do_not():
    whole = factory(TEXT + EVERYWHERE.replace('decoder = "json_object"', 'decoder = "json_object"\nsite = "changwon"'))
    assert [s.name for s in only(whole, ["changwon"]).sources] == ["tools", "gateway"]


def test_a_source_of_no_one_site_is_refused_with_what_to_do():
    with pytest.raises(ConfigError) as caught:
        only(factory(TEXT + EVERYWHERE), ["jeonju"])
    (mistake,) = caught.value.mistakes
    assert "gateway" in mistake.key
    assert "site" in mistake.suggestion


def test_a_site_that_there_is_not_is_refused():
    with pytest.raises(ConfigError) as caught:
        only(factory(TEXT), ["seoul"])
    assert "seoul" in str(caught.value)
    assert "jeonju, changwon" in str(caught.value)


def test_a_source_of_a_site_that_there_is_not_is_a_mistake_of_the_file():
    with pytest.raises(ConfigError) as caught:
        factory(TEXT + EVERYWHERE + 'site = "seoul"\n')
    assert "seoul" in str(caught.value)
