"""The loop of what computes beside the plant: over a real broker and store, each of which is lost and comes back."""

from __future__ import annotations

import threading
import time
from contextlib import closing, contextmanager

import pytest

from connectors.broker import BrokerProcess, any_port
from connectors.follow import MOST_UNDER_WAY, follow, resume_ns
from connectors.publish import UP, Publisher
from connectors.stores.sql import open_store
from twin.computed import Computed
from twin.config import parse_factory
from twin.errors import BrokerError, StoreError, StoreUnavailable

COUNTS = Computed("counts", "factory-twin-counts/", "counts")
TOPIC = COUNTS.topic("h/line/press")


class Counting:
    """Says the next numbers at each look; finds its store gone when it is told so (mutable)."""

    def __init__(self, each: int) -> None:
        self.each, self.next, self.most = each, 0, 1 << 62
        self.taken_up, self.lost = [], False

    def take_up(self, history, desk, now_ns):
        assert desk is not None
        self.taken_up.append((id(history), now_ns))

    def look(self, history, now_ns):
        assert history.summary().frames == 0
        assert now_ns >= self.taken_up[-1][1]
        if self.lost:
            self.lost = False
            raise StoreUnavailable("the disk went away")
        for _ in range(min(self.each, self.most - self.next)):
            self.next += 1
            yield TOPIC, str(self.next).encode()


@pytest.fixture
def broker(tmp_path):
    one = BrokerProcess("embedded", tmp_path / "broker", any_port())
    one.start()
    yield one
    one.stop()


def factory_at(url, store):
    return parse_factory(
        {
            "hub": {"id": "h", "name": "h"}, "site": [{"id": "h", "name": "h"}],
            "broker": {"use": url}, "store": {"url": store},
        }, ()
    )  # fmt: skip


@contextmanager
def running(factory, follower):
    stop, sent = threading.Event(), []
    thread = threading.Thread(target=lambda: sent.append(follow(factory, COUNTS, follower, stop)))
    thread.start()
    try:
        yield sent
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive(), "a stop is heard, whatever it waits for"


def wait_for(condition, what):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_what_is_computed_arrives_once_the_broker_and_the_store_are_back(broker, tmp_path):
    store = f"sqlite:///{tmp_path / 'twin.db'}"
    factory, follower, heard = factory_at(broker.url, store), Counting(2), []
    with closing(Publisher(broker.url, "listens", durable=True, topics=(TOPIC,))) as listener:

        def numbers():
            heard.extend(int(payload) for topic, payload in listener.heard() if topic)
            return heard

        wait_for(lambda: UP in listener.heard(), "subscribed")
        with running(factory, follower) as sent:
            time.sleep(0.1)
            assert not follower.taken_up, "there is no store yet: it is waited for"
            open_store(store).close()
            wait_for(lambda: len(numbers()) >= 2, "the first numbers")
            with pytest.raises(StoreError, match="another process writes"):
                follow(factory, COUNTS, Counting(1), threading.Event())

            before = len(follower.taken_up)
            follower.lost = True
            wait_for(lambda: len(follower.taken_up) > before, "taken up with the store that was opened again")

            broker.stop()
            follower.each = MOST_UNDER_WAY * 2
            wait_for(lambda: follower.next > MOST_UNDER_WAY, "as many as may wait")
            waiting = follower.next
            time.sleep(0.5)
            assert follower.next == waiting, "nothing more is computed than can be held"
            follower.most = waiting + 50
            broker.start()
            wait_for(lambda: follower.next >= follower.most and len(set(numbers())) == follower.next, "all of it")
        assert sent == [follower.next]
        assert sorted(set(heard)) == list(range(1, follower.next + 1))


def test_one_that_is_not_patient_says_what_is_missing_and_a_full_outlet_hears_a_stop(tmp_path):
    store = f"sqlite:///{tmp_path / 'twin.db'}"
    nowhere = factory_at(f"mqtt://127.0.0.1:{any_port()}", store)
    with pytest.raises(StoreUnavailable):
        follow(nowhere, COUNTS, Counting(1), threading.Event(), patient=False)
    open_store(store).close()
    with pytest.raises(BrokerError, match="no broker answers"):
        follow(nowhere, COUNTS, Counting(1), threading.Event(), patient=False)
    follower = Counting(MOST_UNDER_WAY * 2)
    with running(nowhere, follower):
        wait_for(lambda: follower.next > MOST_UNDER_WAY, "as many as may wait")


def test_it_goes_on_behind_what_was_said_but_not_from_long_ago():
    assert resume_ns(95, 100, 10, 1) == 95
    assert resume_ns(5, 100, 10, 1) == 90
    assert resume_ns(None, 100, 10, 1) == 99
