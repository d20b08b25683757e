"""The demo's plants and a real pipeline in one thread: what they say is decoded, folded and stored as by ingest."""

from __future__ import annotations

from simulated import START_NS, cast_of

from connectors.ingest.decoding import Decoding
from connectors.ingest.pipeline import Pipeline
from connectors.ingest.queue import DeliveryQueue
from connectors.plugins import make_decoder
from connectors.stores.sql import open_store
from twin.clock import NS_PER_S, ManualClock
from twin.config import Factory, topic_matches
from twin.keyframes import KeyframePolicy
from twin.message import Message
from twin.mirror import Mirror
from twin.ports import Delivery

SLOW_S = 240
SLOW_STEP_S = 5.0
LIVE_S = 8
BAD_AFTER_S = 60
BAD_TOPIC, BAD_PAYLOAD = "jeonju/weld/line1/R-101/status", b'{"ts": '


class Receipts:
    """A source in memory: it hands nothing out by itself and keeps what was acknowledged."""

    connected = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.acknowledged = 0

    def start(self, deliver, report) -> None:
        del deliver, report

    def acknowledge(self, receipts) -> None:
        self.acknowledged += len(receipts)

    def hold(self) -> None:
        """The store is never away."""

    def resume(self) -> None:
        """Nothing was ever paused."""

    def stop(self) -> None:
        """Nothing is held."""


class Devices:
    """The demo's plants and the pipeline they feed, in one thread (mutable)."""

    def __init__(self, factory: Factory, url: str, changed=None) -> None:
        self.factory = factory
        self.clock = ManualClock(START_NS)
        self.store = open_store(url)
        self.casts = [cast_of(site, factory) for site in factory.hub.sites]
        decoders = {s.name: make_decoder(s.decoder, s.options, s.name, factory.hub) for s in factory.sources}
        self.queue = DeliveryQueue(1_000_000)
        self.sources = {name: Receipts(name) for name in decoders}
        config = factory.ingest
        self.pipeline = Pipeline(
            config,
            self.queue,
            Decoding(decoders, config.max_future_s, config.max_signals_per_source),
            Mirror(),
            KeyframePolicy(),
            self.store,
            self.sources,
            self.clock,
            changed or (lambda _batch, _latest: None),
        )
        self.pipeline.stopping.set()  # what waits is all there is: linger for no company

    def run(self, until_ns: int, *, slow: bool = False) -> None:
        """Let the plants run on, step by step, and store what they publish."""
        if self.clock.now_ns() == START_NS:
            for cast in self.casts:
                for said in cast.hello(START_NS):
                    self.send(Message(said.topic, said.payload, START_NS, said.qos, said.retain))
        while self.clock.now_ns() < until_ns:
            self.clock.advance(SLOW_STEP_S if slow else 1.0)
            for cast in self.casts:
                for said in cast.advance(self.clock.now_ns(), slow=slow, rows=1000 if slow else 1):
                    self.send(Message(said.topic, said.payload, self.clock.now_ns(), said.qos))
            while self.pipeline.step(0.0):
                pass

    def send(self, message: Message) -> None:
        """Deliver one message as the source whose topics match it would."""
        for source in self.factory.sources:
            if any(topic_matches(one, message.topic) for one in source.topics):
                assert self.queue.put([Delivery(source.name, message)])
                return
        raise AssertionError(f"no source takes {message.topic}")

    def record(self, slow_s: int) -> None:
        """Let them run from their start for so long, at slow rates, with one message that cannot be read."""
        self.run(START_NS + BAD_AFTER_S * NS_PER_S, slow=True)
        self.send(Message(BAD_TOPIC, BAD_PAYLOAD, self.clock.now_ns(), 1))
        self.run(START_NS + slow_s * NS_PER_S, slow=True)
