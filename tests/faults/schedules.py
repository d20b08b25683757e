"""The pipeline in a world of chance, in one thread: a seed is a schedule of faults, and replays to the bit.

Broker, source, store and clock are the in-memory ones that pass the contract suites of the real ones.
Everything that can happen between two steps of the writer happens here: deliveries, redeliveries (DUP),
late and doubled messages, broken connections, brokers that restart or forget, a store that is away, torn,
in doubt or refuses, clocks that step, and a process that dies at any point and is built again from what
is stored. Waiting is where the world goes on: the writer's own pauses hand over to it.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections import Counter
from pathlib import Path

import msgspec

from connectors.ingest import pipeline as pipeline_module
from connectors.ingest.decoding import Decoding
from connectors.ingest.pipeline import Pipeline
from connectors.ingest.queue import DeliveryQueue
from connectors.ingest.redrive import Redrive
from connectors.plugins import asset_types, load
from connectors.sources import Surroundings, memory
from connectors.stores._append import SqlStore
from connectors.stores._sqlite import SqliteDriver
from connectors.stores.memory import MemoryStore
from connectors.stores.sql import open_history, open_store
from twin.clock import NS_PER_MS, NS_PER_S, ManualClock
from twin.config import BrokerConfig, IngestConfig, SourceConfig, parse_factory
from twin.errors import StoreRejected, StoreUnavailable
from twin.keyframes import resume, verify
from twin.site import Hub, Name

HUB = Hub("hub", Name("h", "h"), ())
T0_MS = 1_795_328_000_000
GUILTY = 666.0
DAY_S = 86_400.0
MAY_COME_AFTER_ALL = {"seq_jump"}
"""A count that jumps is refused once; where the device said the same twice, or goes on from there, it is taken."""
SOURCES = {
    "counted": SourceConfig(
        "counted", ("plant/+/data",), "json_object",
        options={"topic": "plant/{asset}/{stream}", "time": "ts", "seq": "n"},
    ),
    "array": SourceConfig(
        "array", ("rows/+/data",), "json_array",
        options={"topic": "rows/{asset}/{stream}", "signals": [{"name": "x"}, {"name": "y"}]},
    ),
    "plain": SourceConfig(
        "plain", ("one/#",), "json_topic", options={"topic": "one/{asset}/{signal}", "time": "ts"}
    ),
}  # fmt: skip

TYPES = asset_types()
FACTORY = parse_factory(
    {
        "hub": {"id": "hub", "name": "h"},
        "site": [{"id": "s", "name": "s"}],
        "source": [
            {"name": s.name, "topics": list(s.topics), "decoder": s.decoder, "options": s.options}
            for s in SOURCES.values()
        ],
    },
    tuple(TYPES),
)
MODULES = {config.decoder: load("decoders", config.decoder) for config in SOURCES.values()}


def make_decoder(config: SourceConfig):
    """As `connectors.plugins.make_decoder`, without looking for the module each of many thousand times."""
    module = MODULES[config.decoder]
    return module.Decoder(msgspec.convert(dict(config.options), module.Options), config.name, HUB, TYPES)


class Crash(BaseException):
    """The process dies here: nothing of it runs any more."""


class Pauses:
    """Stands where the writer's stop event does: a pause lets the clock run and the world go on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True

    def wait(self, pause_s: float) -> bool:
        if not self._set:
            self._world.pause(pause_s)
        return self._set


class Kept:
    """What has really been committed, as the world knows it (mutable): by message, and by payload of a dead letter."""

    def __init__(self) -> None:
        self.ids: Counter[int] = Counter()
        self.letters: set[bytes] = set()
        self.refused_ids: set[int] = set()

    def frames(self, stored) -> None:
        for part in stored.frames:
            if part.stream.source in SOURCES:
                self.ids.update(ids_of(part))

    def letter(self, reason: str, payload: bytes) -> None:
        self.letters.add(payload)
        if reason == "key_conflict":
            self.refused_ids.update(int(x) for x in json.loads(payload)["refused"]["values"][:1])

    def has(self, content: Content) -> bool:
        """Whether a message is stored, or a dead letter."""
        return content.id in self.ids or content.id in self.refused_ids or content.payload in self.letters


class UnsteadyStore(MemoryStore):
    """A store that fails as its world wants: before anything, in the middle, after COMMIT, or for the data's sake."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._doubt = None

    @property
    def history(self) -> MemoryStore:
        return self

    def append(self, commit, fold):
        world = self._world
        world.point("before append")
        if self._doubt is not None:
            (n, given, outcome, stored), self._doubt = self._doubt, None
            if (n, given) == (commit.batch.n, len(commit.batch)):
                fold(stored)
                world.point("settled")
                return outcome
        word = world.store_word()
        if word == "away":
            raise StoreUnavailable("down")
        if word == "slow":
            world.pause(world.random.uniform(0.1, 3.0))
        seen = []

        def folded(stored):
            made = fold(stored)
            world.point("folded")
            if word == "torn":
                raise StoreUnavailable("connection lost")
            refuse_the_guilty(stored)
            seen.append(stored)
            return made

        outcome = super().append(commit, folded)
        world.kept.frames(seen[0])
        world.point("committed")
        if word == "doubt":
            self._doubt = commit.batch.n, len(commit.batch), outcome, seen[0]
            raise StoreUnavailable("connection lost in COMMIT")
        return outcome

    def _keep_letter(self, raw):
        super()._keep_letter(raw)
        self._world.kept.letter(raw.reason, raw.payload)

    def begin_again(self) -> None:
        """The process that wrote is gone, and what it was in doubt about with it."""
        self._doubt = None

    def close(self) -> None:
        """Nothing is held."""


class UnsteadyDriver(SqliteDriver):
    """The real SQLite driver, whose connection breaks at the worst of times."""

    word = ""

    def __init__(self, path: Path, committed) -> None:
        super().__init__(path)
        self._committed = committed
        self._connection.execute("PRAGMA synchronous = OFF")  # a process dies here, not a machine

    def begin(self):
        if self.word == "away":
            raise sqlite3.OperationalError("unable to open database file")
        super().begin()

    def insert_frames(self, rows):
        new = super().insert_frames(rows)
        if self.word == "torn early":
            raise sqlite3.OperationalError("disk I/O error")
        return new

    def commit(self):
        if self.word == "torn":
            raise sqlite3.OperationalError("database or disk is full")
        super().commit()
        self._committed()
        if self.word == "doubt":
            raise sqlite3.OperationalError("disk I/O error")


class UnsteadySqlStore:
    """The real SQL store on a file, with a driver that fails as its world wants (mutable)."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._path = folder / "twin.db"
        self._url = f"sqlite:///{self._path}"
        open_store(self._url).close()
        self.history = open_history(self._url)
        self.begin_again()

    def begin_again(self) -> None:
        """Another process opens the file."""
        if hasattr(self, "_driver"):
            self._driver.close()
        self._seen = None
        self._driver = UnsteadyDriver(self._path, self._committed)
        self._store = SqlStore(self._driver)

    def append(self, commit, fold):
        world = self._world
        world.point("before append")
        self._driver.word = word = world.store_word()
        if word == "slow":
            world.pause(world.random.uniform(0.1, 3.0))
        if word == "torn" and world.random.random() < 0.5:
            self._driver.word = "torn early"

        def folded(stored):
            made = fold(stored)
            world.point("folded")
            refuse_the_guilty(stored)
            self._seen = stored, commit.dead_letters
            return made

        self._seen = None
        try:
            outcome = self._store.append(commit, folded)
        finally:
            self._driver.word = ""
        world.point("committed")
        return outcome

    def _committed(self) -> None:
        """COMMIT went through, whatever the writer will hear of it."""
        if self._seen is None:
            return
        (stored, letters), self._seen = self._seen, None
        self._world.kept.frames(stored)
        for letter in letters:
            self._world.kept.letter(letter.reason, letter.payload)
        for (payload,) in self._driver.ask("SELECT payload FROM dead_letter WHERE reason = 'key_conflict'"):
            self._world.kept.letter("key_conflict", payload)

    def next_batch(self, writer):
        return self._store.next_batch(writer)

    def stream_keys(self):
        return self._store.stream_keys()

    def decoder_states(self):
        return self._store.decoder_states()

    def close(self) -> None:
        self._driver.close()
        self.history.close()


def refuse_the_guilty(stored) -> None:
    if any((part.values == GUILTY).any() for part in stored.frames):
        raise StoreRejected("value too evil")


def ids_of(part):
    """The messages that frames came from: each says its own number as its first value, or in its text."""
    if part.texts:
        return [int(texts[0][1:]) for texts in part.texts]
    names = [column.name for column in part.stream.columns]
    column = names.index("x") if "x" in names else 0
    return [int(x) for x in part.values[:, column]]


class Content:
    """One message of a device: sent as often as it takes, always the same bytes."""

    def __init__(self, id_: int, topic: str, payload: bytes, rows: int = 1) -> None:
        self.id, self.topic, self.payload, self.rows = id_, topic, payload, rows


class WatchedSource(memory.Source):
    """The in-memory source, with an eye on the order of acknowledgements."""

    def __init__(self, config, surroundings, broker, world) -> None:
        super().__init__(config, surroundings, broker)
        self._world = world
        self._due: list[object] = []

    def start(self, deliver, report):
        def watched(deliveries):
            taken = deliver(deliveries)
            self._due += [delivery.receipt for delivery in deliveries[:taken]]
            return taken

        super().start(watched, report)

    def acknowledge(self, receipts):
        assert receipts == self._due[: len(receipts)], "acknowledged out of order, twice, or what was never delivered"
        del self._due[: len(receipts)]
        self._world.point("before acknowledging")
        half = len(receipts) // 2
        super().acknowledge(receipts[:half])
        self._world.point("half acknowledged")
        super().acknowledge(receipts[half:])
        self._world.point("acknowledged")


class Device:
    """Counts, measures, and sends again what nobody has taken (mutable)."""

    def __init__(self, name: str, dialect: str) -> None:
        self.name = name
        self.dialect = dialect
        self.n = 0
        self.t_ms = T0_MS
        self.outbox: list[Content] = []
        self.left_out: list[tuple[int, int]] = []
        """Counts and times of what was measured and not said."""


class World:
    """One schedule (mutable): everything in it comes from the seed."""

    def __init__(self, seed: int, folder: Path | None = None) -> None:
        self.seed = seed
        self.kept = Kept()
        self.random = chance = random.Random(seed)
        random.seed(seed)  # the jitter of the writer's back-off
        self.clock = ManualClock(T0_MS * NS_PER_MS)
        window = chance.choice([2, 7, 50])
        self.broker = memory.MemoryBroker(window, chance.choice([window + 1, window + 5, 65_535]), self.on_puback)
        self.store = UnsteadyStore(self) if folder is None else UnsteadySqlStore(self, folder)
        self.history = self.store.history
        self.devices = [Device("a", "counted"), Device("b", "counted"), Device("c", "array"), Device("d", "array")]
        self.contents: dict[tuple[str, bytes], Content] = {}
        self.taken: set[int] = set()
        self.broker_lost: set[int] = set()
        self.steps = Counter()
        self._config = IngestConfig(batch_messages=chance.choice([2, 7, 1000]), max_queue=chance.choice([3, 20, 500]))
        pipeline_module.MAX_BATCH_FRAMES = chance.choice([3, 20_000])
        self._deeds = self._choose_deeds()
        self.redrives = chance.random() < 0.5
        self._crash_in = -1
        self._away_until_ns = 0
        self._calm = False
        self._pausing = False
        self.begin()

    # The process.

    def begin(self) -> None:
        """Build the process from what is stored, as `connectors.ingest.run` does."""
        decoders = {s.name: make_decoder(s) for s in SOURCES.values()}
        for name, state in self.store.decoder_states().items():
            decoders[name].restore(state)
        mirror, keyframes = resume(self.history, "ingest")
        known = self.history.by_source()
        self.queue = DeliveryQueue(self._config.max_queue)
        self.sources = {
            name: WatchedSource(
                config, Surroundings(BrokerConfig(), name, self.clock, name in known), self.broker, self
            )
            for name, config in SOURCES.items()
        }
        self.stopping = Pauses(self)
        self.decoding = Decoding(decoders, 60.0, 5000, lambda: self.clock.now_ns() / NS_PER_S)
        self.mirror = mirror
        self.pipeline = Pipeline(
            self._config, self.queue, self.decoding, mirror, keyframes, self.store, self.sources, self.clock,
            lambda _batch, _latest: self.point("told"), self.stopping,
        )  # fmt: skip
        for source in self.sources.values():
            source.start(self.queue.put, self.queue.report)

    def end(self) -> None:
        """The process is gone: its connections break, and it is built again."""
        for name in self.sources:
            self.broker.leave(name)
        self.store.begin_again()
        self._crash_in = -1
        self.begin()

    def step(self) -> None:
        try:
            self.pipeline.step(0.0)
        except Crash:
            self.steps["crash"] += 1
            self.end()
        assert len(self.queue) <= self.queue.capacity + self._config.batch_messages

    def point(self, where: str) -> None:
        """A place where the process may die."""
        if self._crash_in == 0:
            self.steps[f"crash {where}"] += 1
            raise Crash(where)
        self._crash_in -= self._crash_in > 0

    def pause(self, pause_s: float) -> None:
        """The writer waits: time passes, and the world goes on without it."""
        self.clock.advance(pause_s)
        if self._pausing or self._calm:
            return
        self._pausing = True
        for _ in range(self.random.randrange(3)):
            self._do(during_pause=True)
        self._pausing = False

    def store_word(self) -> str:
        if self._calm:
            return ""
        if self.clock.now_ns() < self._away_until_ns:
            return "away"
        return self.random.choices(["", *self._store_words], [12, *[1] * len(self._store_words)])[0]

    # What happens.

    def _choose_deeds(self):
        """Each schedule has some of the faults, so that each is met with and without the others."""
        chance = self.random
        always = [(self.publish, 10), (self.deliver, 8)]
        some = [
            (self.send_again, 3), (self.cut, 2), (self.restart_broker, 1), (self.publish_late, 2), (self.publish_bad, 2),
            (self.publish_conflict, 1), (self.publish_guilty, 1), (self.restart_device, 1), (self.step_clock, 1),
            (self.store_goes, 1), (self.forget, 1), (self.publish_again, 2), (self.publish_ahead, 1),
            (self.publish_state, 2), (self.publish_jump, 1), (self.publish_rows, 2),
        ]  # fmt: skip
        process = [(self.arm_crash, 3), (self.stop_cleanly, 1)]
        self._store_words = [word for word in ("away", "torn", "doubt", "slow") if chance.random() < 0.5]
        world = always + [deed for deed in some if chance.random() < 0.5]
        return world, [(self.step, 10), *(deed for deed in process if chance.random() < 0.7)]

    def _do(self, *, during_pause: bool) -> None:
        world, process = self._deeds
        deeds = world if during_pause else world + process
        deed = self.random.choices([d for d, _ in deeds], [w for _, w in deeds])[0]
        self.steps[deed.__name__] += 1
        deed()

    def run(self, deeds: int) -> None:
        for _ in range(deeds):
            self._do(during_pause=False)
        self.settle()

    def _send(self, content: Content) -> None:
        self.contents.setdefault((content.topic, content.payload), content)
        if not self.broker.publish(content.topic, content.payload):
            self._device().outbox.append(content)
            return
        if any(
            content.topic.startswith(s.topics[0].split("/")[0]) for n, s in SOURCES.items() if n in self.broker.sessions
        ):
            self.taken.add(content.id)
        else:
            self.broker_lost.add(content.id)

    def _device(self) -> Device:
        return self.random.choice(self.devices)

    def _say(self, device: Device, n: int, t_ms: int, y: float = 0.5, rows: int = 0) -> Content:
        """A message of a device, or one with some rows, in its dialect."""
        id_ = len(self.contents) + 1000
        if device.dialect == "array":
            body = {"t0": t_ms, "dt_s": 0.01, "seq": n, "v": [[id_, y]] * rows}
            if not rows:
                body = {"ts": t_ms, "seq": n, "v": [id_, y]}
            return Content(id_, f"rows/{device.name}/data", json.dumps(body).encode(), max(rows, 1))
        body = {"ts": t_ms, "n": n, "x": id_, "y": y}
        if rows:
            body = {"ts": [t_ms + 10 * row for row in range(rows)], "n": n, "x": [id_] * rows, "y": [y] * rows}
        return Content(id_, f"plant/{device.name}/data", json.dumps(body).encode(), max(rows, 1))

    def publish(self) -> None:
        for _ in range(self.random.choice([1, 1, 3, 9])):
            device = self._device()
            if self.random.random() < 0.2:
                device.left_out.append((device.n + 1, device.t_ms + 10))
                device.n += 1
                device.t_ms += 10
            device.n += 1
            device.t_ms += 10
            for content in device.outbox:
                device.outbox = []
                self._send(content)
            self._send(self._say(device, device.n, device.t_ms))

    def publish_again(self) -> None:
        """The PUBACK to a device was lost: it says the same again."""
        if self.contents:
            self._send(self.random.choice(list(self.contents.values())[-20:]))

    def publish_late(self) -> None:
        """What a device measured before, and says now: its count and its time fit in where they were left out."""
        device = self._device()
        if device.left_out:
            n, t_ms = device.left_out.pop(self.random.randrange(len(device.left_out)))
            self._send(self._say(device, n, t_ms))

    def publish_bad(self) -> None:
        content = Content(len(self.contents) + 1000, "plant/a/data", b"")
        content.payload = b'{"ts": %d, "broken %d' % (T0_MS, content.id)
        self._send(content)

    def publish_conflict(self) -> None:
        device = self._device()
        self._send(self._say(device, device.n, device.t_ms))

    def publish_guilty(self) -> None:
        device = self._device()
        device.n += 1
        device.t_ms += 10
        content = self._say(device, device.n, device.t_ms, y=GUILTY)
        self._send(content)

    def publish_ahead(self) -> None:
        device = self._device()
        device.n += 1
        self._send(self._say(device, device.n, device.t_ms + 3_600_000))

    def publish_jump(self) -> None:
        device = self._device()
        device.n += 50_000_000_000
        for _ in range(2):
            device.n += 1
            device.t_ms += 10
            self._send(self._say(device, device.n, device.t_ms))

    def publish_rows(self) -> None:
        device = self._device()
        self._send(self._say(device, device.n + 1, device.t_ms + 10, rows=3))
        device.n, device.t_ms = device.n + 3, device.t_ms + 30

    def publish_state(self) -> None:
        id_ = len(self.contents) + 1000
        device = self._device()
        device.t_ms += 10
        value = f"S{id_}" if self.random.random() < 0.5 else id_
        signal = "state" if isinstance(value, str) else "level"
        self._send(
            Content(id_, f"one/{device.name}/{signal}", json.dumps({"ts": device.t_ms, "value": value}).encode())
        )

    def restart_device(self) -> None:
        """Its count begins anew, its clock goes on."""
        device = self._device()
        device.n = 0
        device.t_ms += 1000

    def deliver(self) -> None:
        self.broker.pump(self.random.choice([1, 3, 20]))

    def send_again(self) -> None:
        chance = self.random

        def some(packets):
            return chance.sample(packets, chance.randrange(len(packets) + 1)) if packets else []

        self.broker.send_again(chance.choice(list(SOURCES)), some)

    def cut(self) -> None:
        self.broker.break_connection(self.random.choice(list(SOURCES)))

    def restart_broker(self) -> None:
        if self.broker.up:
            self.broker.stop()
        else:
            self.broker.start()

    def forget(self) -> None:
        """The broker comes back without its sessions: what waited is gone, and packet ids begin at 1."""
        for packet in self.broker.forget():
            self.broker_lost.add(self.contents[packet.topic, packet.payload].id)

    def step_clock(self) -> None:
        self.clock.advance(self.random.choice([0.5, 2.0, 65.0, 65.0, 3700.0, -36.0, DAY_S, -DAY_S]))

    def store_goes(self) -> None:
        self._away_until_ns = self.clock.now_ns() + round(self.random.choice([0.5, 5.0, 40.0]) * NS_PER_S)

    def arm_crash(self) -> None:
        """The process will die at one of the next points."""
        self._crash_in = self.random.randrange(12)

    def stop_cleanly(self) -> None:
        self.stopping.set()
        try:
            self.pipeline.step(0.0)
        except StoreUnavailable:
            self.steps["stopped without a store"] += 1
        except Crash:
            self.steps["crash"] += 1
        for source in self.sources.values():
            source.stop()
        if self.redrives and self.random.random() < 0.5:
            self._redrive()
        self.end()

    def _redrive(self) -> None:
        """`twin store redrive`, while ingest is away: what was refused once may be understood now."""
        self.store.begin_again()
        redrive = Redrive(FACTORY, self.store, self.history, self.clock)
        try:
            redrive.run()
        except StoreUnavailable:
            self.steps["redrive without a store"] += 1
        except Crash:
            self.steps["crash"] += 1
        self.steps["redriven"] += redrive._result.letters

    def on_puback(self, packet) -> None:
        content = self.contents[packet.topic, packet.payload]
        assert self.kept.has(content), f"message {content.id} acknowledged before it was stored"

    # What must be true in the end.

    def settle(self) -> None:
        """Everything is mended, everybody sends what is left, and the writer stores it."""
        self._calm = True
        self._crash_in = -1
        self._away_until_ns = 0
        self.broker.start()
        while any(device.outbox for device in self.devices):
            for device in self.devices:
                outbox, device.outbox = device.outbox, []
                for content in outbox:
                    self._send(content)
        for _ in range(10_000):
            self.broker.pump()
            self.step()
            waiting = any(session.queue or session.in_flight for session in self.broker.sessions.values())
            if not waiting and not len(self.queue):
                break
        else:
            raise AssertionError("it never comes to rest")
        for _ in range(3):
            self.clock.advance(1.1)
            self.step()

    def check(self) -> None:
        """Every invariant of the fault plan that a process can break."""
        store, kept = self.history, self.kept
        lost = sorted(
            c.id for c in self.contents.values()
            if c.id in self.taken and c.id not in self.broker_lost and not kept.has(c)
        )  # fmt: skip
        assert not lost, f"I1 acknowledged by the broker and nowhere: {lost}"
        rows = {content.id: content.rows for content in self.contents.values()}
        twice = {
            id_: count for id_, count in kept.ids.items()
            if count > rows[id_] or (count < rows[id_] and id_ not in kept.refused_ids)
        }  # fmt: skip
        assert not twice, f"I2 messages stored more or less than once: {twice}"
        both = {
            letter.payload for letter in store.dead_letters(limit=10_000) if letter.reason not in MAY_COME_AFTER_ALL
        }
        both &= {c.payload for c in self.contents.values() if c.id in kept.ids}
        assert not both, f"I1 stored and a dead letter as well: {both}"
        for source, row in store.by_source().items():
            rejected = sum(row["rejected"].values())
            assert row["received"] == row["decoded"] + sum(row["handled"].values()) + rejected, f"I9 {source}: {row}"
            assert row["decoded_frames"] == row["stored"] + row["duplicate"] + row["key_conflict"], (
                f"I9 {source}: {row}"
            )
            assert row["expected"] == row["distinct"] + row["gap"], f"I9 {source}: {row}"
        refused = sum(sum(t["rejected"].values()) + t["key_conflict"] for t in store.by_source().values())
        assert store.summary().dead_letters == refused, "I9 dead letters"
        verdict = verify(store)
        assert verdict.mismatches == (), f"I3 {verdict.mismatches[:2]}"
        assert verdict.frames == store.summary().frames
        assert resume(store, "ingest")[0].canonical() == self.mirror.canonical(), "I4 the live state"
        assert {s: (x.t_ns, x.seq) for s, x in store.latest().items()} == {
            s: (x.t_ns, x.seq) for s, x in self.mirror.latest.items()
        }, "I4 the latest values"
        *_, last = store.batches("ingest", max(1, self.store.next_batch("ingest") - 1))
        own = {part.stream.id for part in last.frames}
        assert "twin/ingest:metrics" in own, "the twin says nothing of itself any more"
        states = {name: decoder.state() for name, decoder in self.decoding.decoders.items()}
        saved = self.store.decoder_states()
        assert {name: saved.get(name, b"") for name in states} == states or not any(
            store.by_source().get(name, {}).get("decoded") for name in states
        ), "the decoders' states are not kept"


def play(seed: int, deeds: int = 50, folder: Path | None = None) -> World:
    """One schedule, from its seed; raises AssertionError where something is not true.

    With a ``folder`` the store is the real one, on a SQLite file there.
    """
    before = random.getstate(), pipeline_module.MAX_BATCH_FRAMES
    world = None
    try:
        world = World(seed, folder)
        world.run(deeds)
        world.check()
        return world
    finally:
        random.setstate(before[0])
        pipeline_module.MAX_BATCH_FRAMES = before[1]
        if world is not None:
            world.store.close()
