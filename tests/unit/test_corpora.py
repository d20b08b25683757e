"""The corpora for measuring: every message gives its frames, read alone and many at once alike."""

from __future__ import annotations

import pytest

from connectors import plugins
from connectors.bench.corpora import MAKERS
from twin.decoder import BulkDecoder
from twin.sample import Frames
from twin.site import Hub, Name

HUB = Hub("h", Name("h", "h"), ())


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_every_message_of_a_corpus_gives_its_values(name):
    for corpus in MAKERS[name](100):
        assert corpus.dialect == name
        decoder = plugins.make_decoder(name, corpus.options, "t", HUB)
        for message in corpus.before:
            list(decoder.decode(message))
        corpus.parse(corpus.messages[0].payload)
        alone = 0
        for message in corpus.messages:
            frames = [part for part in decoder.decode(message) if isinstance(part, Frames)]
            assert frames
            alone += sum(part.value_count() for part in frames)
        assert alone >= len(corpus.messages) * corpus.values * 0.5


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_dialect_that_reads_in_bulk_reads_its_whole_corpus_so(name):
    for corpus in MAKERS[name](100):
        decoder = plugins.make_decoder(name, corpus.options, "t", HUB)
        if not isinstance(decoder, BulkDecoder):
            continue
        for message in corpus.before:
            list(decoder.decode(message))
        blocks, left, looked_at = decoder.decode_many(corpus.messages, 10**6)
        whole = len(corpus.messages)
        assert whole >= 50
        assert (left, looked_at, sum(map(len, blocks))) == ([], whole, whole)


def test_every_dialect_of_ours_but_sparkplug_has_a_corpus():
    assert set(plugins.names("decoders")) - {"sparkplug_b", "auto"} == set(MAKERS)
