"""What a source that takes the rest leaves to others."""

from __future__ import annotations

import tomllib

from connectors.sources import Share
from twin.config import SourceConfig, parse_factory

FILE = """
[hub]
id = "h"
name = "h"
[[site]]
id = "s"
name = "s"
[[source]]
name = "line"
topics = ["plant/+/data", "amr/#"]
decoder = "json_object"
[[source]]
name = "yesterday"
type = "capture"
path = "x.jsonl"
topics = ["old/#"]
decoder = "json_object"
[[source]]
name = "others"
topics = ["#"]
rest = true
decoder = "auto"
"""


def test_the_rest_is_what_no_other_source_takes_nor_a_sparkplug_host_nor_the_twin_itself():
    line, _, others = parse_factory(tomllib.loads(FILE), ()).sources
    assert line.leaves == ()
    assert others.leaves == ("plant/+/data", "amr/#", "spBv1.0/#")
    share = Share(others)
    taken = {topic: share.has(topic) for topic in (
        "plant/a/data", "plant/a/state", "amr", "amr/1/x", "spBv1.0/g/NDATA/n", "factory-twin/live/ingest", "old/x",
    )}  # fmt: skip
    assert [topic for topic, has in taken.items() if has] == ["plant/a/state", "old/x"]
    assert not share.is_all
    assert Share(line).is_all


def test_topics_without_end_fill_no_memory(monkeypatch):
    monkeypatch.setattr("connectors.sources.MAX_TOPICS", 10)
    share = Share(SourceConfig("others", ("#",), "auto", rest=True, leaves=("a/#",)))
    for n in range(100):
        assert share.has(f"b/{n}")
        assert not share.has(f"a/{n}")
        assert len(share._known) <= 10


def test_what_the_broker_says_itself_is_not_the_rest():
    share = Share(SourceConfig("others", ("#",), "auto", rest=True, leaves=("a/#",)))
    assert not share.has("$sparkplug/certificates/spBv1.0/g/NBIRTH/n")
    assert Share(SourceConfig("others", ("#", "$SYS/#"), "auto", rest=True, leaves=("a/#",))).has("$SYS/uptime")
