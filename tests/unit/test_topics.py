"""Topic templates and MQTT filters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.topics import TopicTemplate, check_templates, fill_asset
from twin.config import filter_problem, topic_matches
from twin.errors import DecodeError
from twin.ids import segment

level = st.text(st.characters(exclude_characters="/", categories=["L", "N", "Zs", "P"]), min_size=1, max_size=8)
plain = level.filter(lambda text: bool(text.strip()) and not set(text) & set("{}+#"))


@given(plain, plain, plain)
def test_named_levels_are_captured_and_joined_to_an_asset(site, line, asset):
    captured = TopicTemplate("plant/{site}/{line}/{asset}/{stream}").capture(f"plant/{site}/{line}/{asset}/data")
    assert captured == {"site": site, "line": line, "asset": asset, "stream": "data"}
    assert fill_asset(captured, "") == "/".join(map(segment, (site, line, asset)))
    assert fill_asset(captured, "hub/{asset}") == f"hub/{segment(asset)}"


@given(st.lists(plain, min_size=1, max_size=6), plain)
def test_a_field_with_dots_takes_one_level_or_more(places, asset):
    captured = TopicTemplate("{place...}/{asset}/data").capture("/".join([*places, asset, "data"]))
    assert captured == {"place": "/".join(places), "asset": asset}
    assert fill_asset(captured, "") == "/".join(map(segment, [*places, asset]))


@pytest.mark.parametrize(
    ("template", "topic"),
    [
        ("a/{asset}", "a"),
        ("a/{asset}", "a/b/c"),
        ("a/{asset}", "a/"),
        ("a/{asset}", "A/b"),
        ("a.b/{asset}", "axb/c"),
        ("{place...}/{asset}/x", "b/x"),
        ("a/+/{asset}", "a/b"),
    ],
)
def test_a_topic_that_does_not_fit_is_a_decode_error(template, topic):
    with pytest.raises(DecodeError) as caught:
        TopicTemplate(template).capture(topic)
    assert caught.value.reason == "topic"


def test_plus_skips_a_level_even_an_empty_one():
    assert TopicTemplate("a/+/{asset}").capture("a//b") == {"asset": "b"}


def test_an_underscore_field_is_no_part_of_the_asset():
    captured = TopicTemplate("{_}/{site}/{asset}/{signal}").capture("v1/s/a/x")
    assert fill_asset(captured, "") == "s/a"


def test_a_level_that_cannot_be_part_of_an_id_is_a_decode_error():
    with pytest.raises(DecodeError) as caught:
        fill_asset({"asset": " "}, "")
    assert caught.value.reason == "name"
    with pytest.raises(DecodeError):
        fill_asset({"place": "a//b", "asset": "c"}, "")


@pytest.mark.parametrize(
    ("topic", "asset", "says"),
    [
        ("a/x{asset}", "", "mixes"),
        ("{asset}/{asset}", "", "twice"),
        ("{a...}/{asset...}", "", "only one"),
        ("plant/data", "", "names no asset"),
        ("plant/{stream}", "", "names no asset"),
        ("plant/{asset}", "{site}/{asset}", "no {site}"),
        ("plant/{asset}", "x/{asset", "is written"),
    ],
)
def test_templates_that_cannot_work_are_refused(topic, asset, says):
    with pytest.raises(ValueError, match=says):
        check_templates(topic, asset)


def test_templates_that_work_are_taken():
    check_templates("plant/{asset}/{stream}", "")
    check_templates("plant/{stream}", "site/cell/press")
    check_templates("{place...}/{asset}", "x/{place}/{asset}")


@pytest.mark.parametrize(
    ("topic_filter", "topic", "matches"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/+", "a", False),
        ("+/+", "/b", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a/b", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("a/b", "A/b", False),
    ],
)
def test_filters_match_as_mqtt_says(topic_filter, topic, matches):
    assert topic_matches(topic_filter, topic) is matches


@pytest.mark.parametrize("topic_filter", ["", "a\0", "a/#/b", "a/b#", "a/+b", "#a"])
def test_filters_that_mqtt_forbids_have_a_problem(topic_filter):
    assert filter_problem(topic_filter)


@given(st.lists(plain, min_size=1, max_size=5), st.data())
def test_a_filter_made_from_a_topic_matches_it(levels, data):
    topic = "/".join(levels)
    if topic.startswith("$"):
        return
    made = [data.draw(st.sampled_from([level, "+"])) for level in levels]
    cut = data.draw(st.integers(0, len(levels)))
    assert topic_matches("/".join(made), topic)
    assert topic_matches("/".join([*made[:cut], "#"]), topic)
    assert not filter_problem("/".join(made))
