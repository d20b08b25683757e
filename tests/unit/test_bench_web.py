"""How `twin bench web` tells the delay of what it sent from what was seen."""

import pytest

from dashboards.bench.web import delays
from twin.errors import BrokerError


def test_each_value_counts_from_its_sending_to_its_being_seen():
    assert delays([(0.0, "1"), (500.0, "2")], [(120.0, "1"), (640.0, "2")]) == [120.0, 140.0]


def test_one_that_was_overtaken_counts_until_the_newer_one_was_seen():
    assert delays([(0.0, "1"), (500.0, "2")], [(640.0, "2")]) == [640.0, 140.0]


def test_one_that_was_never_seen_is_no_figure():
    with pytest.raises(BrokerError, match="3 was not seen"):
        delays([(0.0, "1"), (500.0, "3")], [(120.0, "1"), (130.0, "")])
