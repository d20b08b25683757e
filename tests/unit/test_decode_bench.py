"""The decode bench measures every dialect of its table, and each of its messages becomes frames."""

from __future__ import annotations

import pytest

from connectors.bench import decode
from connectors.bench.corpora import Corpus
from connectors.plugins import names


def test_the_table_names_dialects_that_there_are():
    assert "sparkplug_b" in decode.MAKERS
    assert set(decode.MAKERS) <= set(names("decoders"))


@pytest.mark.slow
def test_a_small_run_measures_every_corpus_beside_its_parse():
    rows = decode.run(100, 0.0)
    assert {row["dialect"] for row in rows} == set(decode.MAKERS)
    for row in rows:
        assert row["messages_per_s"] > 0
        assert row["parse_messages_per_s"] > 0
        assert row["values_per_s"] == pytest.approx(row["messages_per_s"] * row["values_per_message"], rel=0.01)
    sizes = {row["size"]: row for row in rows if row["dialect"] == "sparkplug_b"}
    assert sizes["100 metrics"]["values_per_message"] == 100


def test_messages_that_become_nothing_are_no_measure():
    (corpus, *_) = decode.MAKERS["sparkplug_b"](400)
    unborn = Corpus(corpus.dialect, corpus.size, {"reorder_s": 60.0}, corpus.messages[:3], 1, corpus.parse)
    with pytest.raises(RuntimeError, match="0 rows of 3 messages"):
        decode._decoded(unborn)
