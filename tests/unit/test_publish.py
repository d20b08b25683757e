"""A publisher without a broker: what is promised waits, what is not is dropped and never counted."""

from __future__ import annotations

from connectors.broker import any_port
from connectors.publish import WINDOW, Publisher


def test_what_goes_at_qos_0_without_a_connection_is_dropped_and_never_counted():
    publisher = Publisher(f"mqtt://127.0.0.1:{any_port()}", "nobody", durable=False)
    try:
        for count in range(2 * WINDOW):
            publisher.publish("t", b"x", qos=0, token=count)
        assert publisher.acknowledged() == []
        assert publisher.unacknowledged == 0
        publisher.publish("t", b"x", qos=1, token=7)
        assert publisher.unacknowledged == 1
    finally:
        publisher.close()
