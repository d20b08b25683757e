"""The host's state machine: births, deaths, sequence, reorder window, rebirths. No I/O; time comes with the messages.

Sparkplug 3.0, chapter 5 and § 6.4; the ids of the rules kept are in ``docs/reference/sparkplug.md``.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from connectors.decoders._sparkplug import rules
from connectors.decoders._sparkplug.ground import MAX_METRICS, Ground, Heard
from connectors.decoders._sparkplug.proto import Payload
from connectors.decoders._sparkplug.readings import Named, Reader
from connectors.decoders._sparkplug.session import MAX_HELD, Birth, Held, Node, jitter_ns
from connectors.decoders._sparkplug.topics import Topic, Verb, command_topic, read_topic
from connectors.decoders._sparkplug.unwrap import unwrapped
from connectors.decoders._sparkplug.values import Datatype
from twin.clock import NS_PER_MS
from twin.errors import DecodeError
from twin.message import Announced, Ask, Handled, Liveness, Settled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.decoders._sparkplug.layout import Layout
    from connectors.decoders._sparkplug.readings import Definition
    from twin.decoder import Told
    from twin.message import Message

MAX_HELD_BYTES = 8_000_000
_PREFIXES = ("DATA/", "ATTR/", "CMD/")
"""A client that leaves these out of its data, and has them in its births."""


class _Waits(Exception):
    """The message waits for another one; what is said of it if that one does not come.

    One that ``is_early`` is of a session whose birth is still to come: it has no place in this one.
    """

    def __init__(self, reason: str, detail: str, *, is_early: bool = False) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.is_early = reason, detail, is_early


class Host(Ground):
    """All nodes that a host hears. Mutable; its decoder owns it. See `Ground`."""

    def hear(self, topic: Topic, message: Message) -> list[Told]:
        """What a message says; raises DecodeError. A message that must wait is `Handled` as held."""
        if topic.verb is Verb.STATE:
            return [Handled("state")]
        is_bare_death = topic.verb in (Verb.NDEATH, Verb.DDEATH) and not message.payload
        payload = Payload() if is_bare_death else unwrapped(message.payload, self.settings.max_unpacked)
        heard = Heard(topic, message, payload, rules.of_envelope(topic, message, payload))
        if (heard.seq or 0) > rules.MAX_SEQ:
            raise DecodeError("seq", f"{heard.seq} is no sequence number (0 to {rules.MAX_SEQ})")
        if topic.verb.is_command:
            self._refuse_broken(None, heard)
            return [Handled("command"), *self._findings(None, heard)]
        if topic.verb is Verb.NDEATH:
            return self._node_death(heard)
        node = self._node(heard)
        try:
            return self._step(node, heard)
        except _Waits as waits:
            return self._hold(node, heard, waits)
        except DecodeError:
            self._arrived(node, heard)
            raise
        finally:
            self._watch(node)

    def _step(self, node: Node, heard: Heard) -> list[Told]:
        verb = heard.topic.verb
        if verb is Verb.NBIRTH:
            return self._node_birth(node, heard)
        if verb is Verb.DBIRTH:
            return self._device_birth(node, heard)
        return self._device_death(node, heard) if verb is Verb.DDEATH else self._data(node, heard)

    # Time.

    def tick(self, now_ns: int) -> list[Told]:
        """What the passing of time says: windows that close, deaths that were true, rebirths to ask for."""
        told, self.pending = self.pending, []
        for key in self._unasked:
            self._want_birth(self.nodes[key], now_ns, jitter_ns(key, self.settings.start_jitter_s))
        self._unasked = []
        for key in sorted(self._timed):
            node = self.nodes[key]
            told += self._tick(node, now_ns)
            if not node.has_timer:
                self._timed.discard(key)
        return told

    def _tick(self, node: Node, now_ns: int) -> list[Told]:
        told: list[Told] = []
        if node.suspect_until_ns and now_ns >= node.suspect_until_ns:
            told += self._went_offline(node, node.suspect_ns)
        if node.deadline_ns and now_ns >= node.deadline_ns:
            node.missing, node.deadline_ns = [], 0
            self._want_birth(node, now_ns, 0)
        waiting: list[Held] = []
        for held in node.held:
            if now_ns < held.until_ns:
                waiting.append(held)
                continue
            self._held_bytes -= len(held.payload)
            self.marks += 1
            told.append(Settled(held.message, held.reason, "what it waited for did not come"))
            self._want_birth(node, now_ns, 0)
        node.held = waiting
        if node.ask_due(now_ns):
            told.append(Ask(command_topic(node.group, node.node), _rebirth(now_ns)))
        return told

    # Births.

    def _node_birth(self, node: Node, heard: Heard) -> list[Told]:
        """A session begins: aliases and devices of the one before are no more."""
        digest = _digest(heard)
        is_known = node.born and node.digest == digest
        if heard.is_kept and is_known:
            return [Handled("birth_repeated")]
        if is_known and node.from_copy and heard.seq is not None:  # the broker sent what it keeps first
            node.first, node.count, node.from_copy = heard.seq, max(node.count, heard.seq), False
            node.ask_ns, node.awaited = 0, False
            self.marks += 1
            return [*self._counted(node, heard.seq, heard), *self._findings(node, heard), *self._release(node)]
        heard.broken += rules.of_metrics(heard.topic, heard.payload)
        bdseq = _bdseq(heard.payload)
        is_new = digest not in node.sessions
        if is_new and node.born and not node.online and 0 <= bdseq == node.bdseq:
            heard.breaks("topics-nbirth-bdseq-increment", f"bdSeq {bdseq} again in a new session")
        before = self.births.get(node.key, Birth())
        birth = Birth(earlier=before.aliases or before.earlier)
        reader = self._read_birth(birth, heard)
        self._refuse_broken(node, heard)

        node.begin(digest, heard.seq or 0)
        node.heard_ns = heard.now_ns
        if heard.is_kept:
            node.count, node.from_copy = -1, True  # of any age: the next message says where the sequence stands
        if is_new:
            node.told = []
        node.bdseq, node.birth_ns, node.born, node.online = bdseq, heard.t_ns, True, True
        node.suspect_ns = node.suspect_until_ns = node.ask_ns = 0
        birth.definitions[""], birth.templates = reader.definitions, reader.templates
        self._name_aliases(birth, reader, heard)
        self.births[node.key] = birth
        layout = self._lay_out(node, "")
        count = node.first if heard.seq is not None and not heard.is_kept else -1
        told = [*self._counted(node, count, heard), *self._frames(layout, node, count, reader.readings, heard)]
        told.append(Liveness(node.asset, online=True, t_ns=heard.t_ns))
        told += self._lose_devices(node, heard.t_ns)
        for device in node.devices.values():
            device.count, device.digest = -1, ""
        self._keep_birth(node)
        told.append(_announced(node.asset, heard, layout, reader))
        return [*told, *self._findings(node, heard), *self._release(node)]

    def _device_birth(self, node: Node, heard: Heard) -> list[Told]:
        if not node.born:
            if not heard.is_kept:  # a broker gives what it keeps in any order
                heard.breaks("message-flow-device-birth-publish-nbirth-wait", "DBIRTH before NBIRTH")
            raise self._waits(node, heard, "no_birth", f"{node.key} has not told its birth")
        if self._is_repeated(node, heard):
            return self._device_birth_again(node, heard)
        if self._is_early(node, heard):
            detail = f"{node.key} has not told the birth that it was asked for"
            raise _Waits("no_birth", detail, is_early=True)
        heard.broken += rules.of_metrics(heard.topic, heard.payload)
        birth, name = self.births[node.key], heard.topic.device
        reader = self._read_birth(birth, heard)
        self._refuse_broken(node, heard)
        count = -1 if heard.is_kept else self._place(node, heard)
        device = self._device(node, heard)
        is_newest = count < 0 or count >= device.count
        if is_newest or name not in birth.definitions:
            birth.definitions[name] = reader.definitions
            birth.aliases = {alias: one for alias, one in birth.aliases.items() if one[0] != name}
            self._name_aliases(birth, reader, heard)
            layout = self._lay_out(node, name)
        else:
            layout = self.layout(node, name)
            known = birth.definitions[name]
            unborn = {path: one for path, one in reader.definitions.items() if path not in known}
            self._define_unborn(layout, unborn)
        told = [*self._counted(node, count, heard), *self._frames(layout, node, count, reader.readings, heard)]
        if is_newest:
            device.online, device.count, device.digest = True, count, _digest(heard)
            told.append(Liveness(device.asset, online=True, t_ns=heard.t_ns))
        self._take(node, count, heard)
        self._keep_birth(node)
        told.append(_announced(device.asset, heard, layout, reader))
        return [*told, *self._findings(node, heard), *self._release(node)]

    def _is_repeated(self, node: Node, heard: Heard) -> bool:
        """Whether an aware broker's copy of a device's birth has come beside the birth itself, before or after it."""
        device = node.devices.get(heard.topic.device)
        if device is None or not device.online or device.digest != _digest(heard):
            return False
        return heard.is_kept or device.count < 0

    def _device_birth_again(self, node: Node, heard: Heard) -> list[Told]:
        """It is stored already; only its place in the sequence is new."""
        if heard.is_kept:
            return [Handled("birth_repeated")]
        device = node.devices[heard.topic.device]
        device.count = self._place(node, heard)
        self._take(node, device.count, heard)
        self.marks += 1
        told = self._counted(node, device.count, heard) or [Handled("birth_repeated")]
        return [*told, *self._findings(node, heard), *self._release(node)]

    def _is_early(self, node: Node, heard: Heard) -> bool:
        """Whether a device's birth is of the session that was asked for, and has overtaken its node's birth.

        It does where devices have connections of their own, and in clusters of brokers: its number then is
        not the one that this session comes to next, nor one that is missing.
        """
        since_ns = heard.now_ns - node.asked_ns
        if not node.awaited or not 0 <= since_ns <= self.settings.window_ns:
            return False
        if heard.seq is None or node.count < 0 or not self._has_room(node, heard):
            return False
        if heard.is_kept:
            return True
        count = node.place(heard.seq, self.settings.late_messages)
        return count != node.count + 1 and count not in node.missing

    def _read_birth(self, birth: Birth, heard: Heard) -> Reader:
        """Read a birth's metrics; one without a name gets the name its alias had, if that cannot be mistaken."""
        device = heard.topic.device
        known = birth.definitions.get(device, {})
        reader = Reader(known, birth.templates, birth=True)
        aliases: dict[int, int] = {}
        for metric in heard.payload.metrics:
            if metric.HasField("alias"):
                aliases[metric.alias] = aliases.get(metric.alias, 0) + 1
        earlier = {**birth.earlier, **birth.aliases}
        for metric in heard.payload.metrics:
            name = metric.name
            if not name:
                owner, name = earlier.get(metric.alias, ("", ""))
                if not name or owner != device or aliases.get(metric.alias) != 1:
                    heard.breaks("payloads-name-requirement", f"alias {metric.alias}: its name is not known")
                    continue
            if not metric.datatype and metric.WhichOneof("value") is None and name not in known:
                continue  # neither a type nor a value; the broken rule is told
            reader.read(Named(name, metric))
        if self._metrics + len(reader.definitions) > MAX_METRICS:
            raise DecodeError("cardinality", f"more than {MAX_METRICS} metrics from one source")
        return reader

    def _name_aliases(self, birth: Birth, reader: Reader, heard: Heard) -> None:
        """Note whose the aliases are; one that two metrics have is nobody's."""
        device = heard.topic.device
        mine: dict[int, str] = {}
        twice: set[int] = set()
        for path, one in reader.definitions.items():
            if one.alias is None:
                continue
            if one.alias in mine:
                twice.add(one.alias)
            mine[one.alias] = path
            owner, other = birth.aliases.get(one.alias, (device, ""))
            if owner != device:
                heard.breaks("payloads-alias-uniqueness", f"alias {one.alias}: {other!r} and {path!r}")
                twice.add(one.alias)
        birth.aliases.update({alias: (device, path) for alias, path in mine.items()})
        for alias in twice:
            del birth.aliases[alias]

    # Data.

    def _data(self, node: Node, heard: Heard) -> list[Told]:
        if not node.born:
            raise self._waits(node, heard, "no_birth", f"{node.key} has not told its birth")
        birth, device = self.births[node.key], heard.topic.device
        known = birth.definitions.get(device)
        if known is None:
            raise self._waits(node, heard, "no_birth", f"device {device!r} has not told its birth")
        heard.broken += rules.of_metrics(heard.topic, heard.payload)
        reader = Reader(known, birth.templates, birth=False)
        for metric in heard.payload.metrics:
            reader.read(Named(self._path(node, heard, metric, known), metric))
        self._refuse_broken(node, heard)
        count = self._place(node, heard)
        layout = self.layout(node, device)
        self._define_unborn(layout, reader.definitions)
        told = [*self._counted(node, count, heard), *self._frames(layout, node, count, reader.readings, heard)]
        if not told:
            told.append(Handled("transient" if reader.readings else "empty"))
        if node.suspect_until_ns and count > node.count:
            node.suspect_ns = node.suspect_until_ns = 0  # the dead do not count on
        self._take(node, count, heard)
        told += self._findings(node, heard)
        if node.held and not node.missing:
            told += self._release(node)
        return told

    def _path(self, node: Node, heard: Heard, metric: Any, known: Mapping[str, Definition]) -> str:
        """The metric's name, by its alias or as told; raises DecodeError (unknown_alias, name) or waits."""
        name: str = metric.name
        device = heard.topic.device
        if not name:
            if not metric.HasField("alias"):
                raise DecodeError("name", "a metric has neither a name nor an alias")
            found = self.births[node.key].aliases.get(metric.alias)
            if found is None:
                raise self._waits(node, heard, "unknown_alias", f"alias {metric.alias} was in no birth")
            if found[0] != device:
                raise DecodeError("unknown_alias", f"alias {metric.alias} is one of {found[0] or node.node!r}")
            return found[1]
        if name in known:
            return name
        name = next((prefix + name for prefix in _PREFIXES if prefix + name in known), name)
        rule = f"operational-behavior-data-publish-{'dbirth' if device else 'nbirth'}"
        heard.breaks(rule, f"{metric.name!r} was not in the birth")
        return name

    # Deaths.

    def _device_death(self, node: Node, heard: Heard) -> list[Told]:
        """A device is gone, since the time that the message tells."""
        self._refuse_broken(node, heard)
        count = self._place(node, heard) if node.born else -1
        device = self._device(node, heard)
        told: list[Told] = [*self._counted(node, count, heard), Handled("death")]
        if count < 0 or count >= device.count:
            device.online, device.count = False, max(count, device.count)
            told.append(Liveness(device.asset, online=False, t_ns=heard.t_ns))
        self._take(node, count, heard)
        self.marks += 1
        return [*told, *self._findings(node, heard)]

    def _node_death(self, heard: Heard) -> list[Told]:
        """A node is gone, since it was heard: the payload's time is that of the connection that ended."""
        topic, now_ns = heard.topic, heard.now_ns
        node = self.nodes.get(topic.key)
        bdseq = _bdseq(heard.payload)
        if bdseq < 0 or len(heard.payload.metrics) > 1:
            heard.breaks("topics-ndeath-payload", f"{len(heard.payload.metrics)} metrics, bdSeq {bdseq}")
        matches = node is None or not node.born or bdseq == node.bdseq
        if node is not None and node.online and not matches:
            heard.breaks("payloads-ndeath-bdseq", f"bdSeq {bdseq}, in the birth {node.bdseq}")
        self._refuse_broken(node, heard)
        told: list[Told] = [Handled("death"), *self._findings(node, heard)]
        if node is None:
            return [*told, Liveness(self._asset_of(topic.group, topic.node, ""), online=False, t_ns=now_ns)]
        self.marks += 1
        if matches:
            return told + self._went_offline(node, now_ns)
        if node.online and not node.suspect_until_ns:
            # It may be the death of a session before this one: the node is asked, and believed dead if it is silent.
            node.suspect_ns, node.suspect_until_ns = now_ns, now_ns + self.settings.death_timeout_ns
            self._want_birth(node, now_ns, 0)
            self._watch(node)
        return told

    def _went_offline(self, node: Node, t_ns: int) -> list[Told]:
        node.suspect_ns = node.suspect_until_ns = node.deadline_ns = node.ask_ns = 0
        node.missing, node.online = [], False
        self.marks += 1
        return [Liveness(node.asset, online=False, t_ns=t_ns), *self._lose_devices(node, t_ns)]

    def _lose_devices(self, node: Node, t_ns: int) -> list[Told]:
        told: list[Told] = []
        for device in node.devices.values():
            if device.online:
                device.online = False
                told.append(Liveness(device.asset, online=False, t_ns=t_ns))
        return told

    # What waits.

    def _waits(self, node: Node, heard: Heard, reason: str, detail: str) -> Exception:
        """What to raise for a message that cannot be read yet.

        It waits for a birth that may still come: the node's first, or one of those that are missing.
        """
        seq = heard.seq
        gap = bool(node.missing)
        if node.born and seq is not None and node.count >= 0:
            gap = gap or node.place(seq, self.settings.late_messages) > node.count + 1
        if self.settings.window_ns and self._has_room(node, heard) and (gap or not node.born):
            return _Waits(reason, detail)
        self._want_birth(node, heard.now_ns, 0)
        return DecodeError(reason, detail)

    def _has_room(self, node: Node, heard: Heard) -> bool:
        """Whether one more message of the node may wait."""
        return len(node.held) < MAX_HELD and self._held_bytes + len(heard.message.payload) <= MAX_HELD_BYTES

    def _hold(self, node: Node, heard: Heard, waits: _Waits) -> list[Told]:
        if not waits.is_early:
            self._arrived(node, heard)
        until_ns = max(heard.now_ns + self.settings.window_ns, node.deadline_ns)
        if not node.born:
            self._want_birth(node, heard.now_ns, jitter_ns(node.key, self.settings.start_jitter_s))
            if node.ask_ns:  # it waits for the answer to what is asked in a while
                until_ns = max(until_ns, node.ask_ns + self.settings.window_ns)
        topic, payload, received_ns, qos, retain = heard.message
        node.held.append(Held(topic, payload, received_ns, qos, retain, until_ns, waits.reason))
        self._held_bytes += len(payload)
        self.marks += 1
        return [Handled("held"), *self._findings(node, heard)]

    def _release(self, node: Node) -> list[Told]:
        """Read again what waits, in its order; what still has to wait stays."""
        told: list[Told] = []
        waiting, node.held = node.held, []
        for held in waiting:
            message = held.message
            self._held_bytes -= len(held.payload)
            self.marks += 1
            heard = Heard(read_topic(held.topic), message, unwrapped(held.payload, self.settings.max_unpacked))
            try:
                if heard.t_ns < node.birth_ns:
                    raise DecodeError("old_session", "it was sent before the birth that it waited for")  # noqa: TRY301
                told += self._step(node, heard)
            except _Waits:
                node.held.append(held)
                self._held_bytes += len(held.payload)
            except DecodeError as error:
                self._arrived(node, heard)
                told.append(Settled(message, error.reason, error.detail))
            else:
                told.append(Settled(message))
        return told


def _digest(heard: Heard) -> str:
    """What tells one birth from another."""
    return hashlib.blake2b(heard.message.payload, digest_size=8).hexdigest()


def _bdseq(payload: Any) -> int:
    """The session's number, from whichever field; -1 where there is none."""
    return next((int(m.long_value or m.int_value) for m in payload.metrics if m.name == rules.BDSEQ), -1)


def _announced(asset: str, heard: Heard, layout: Layout, reader: Reader) -> Announced:
    attributes = {
        reading.path.removeprefix("Properties/"): str(reading.cells[0])
        for reading in reader.readings
        if reading.path.startswith("Properties/") and reading.cells and reading.cells[0] is not None
    }
    is_machine = any(path.rpartition("/")[2] == "StateCurrent" for path in reader.definitions)
    return Announced(
        asset=asset,
        t_ns=heard.t_ns,
        asset_type="machine_tool" if is_machine else "",
        name=heard.topic.device or heard.topic.node,
        streams=layout.all_streams(),
        attributes=attributes,
        publisher=heard.topic.key,
    )


def _rebirth(now_ns: int) -> bytes:
    """The payload of a rebirth request (tck-id-operational-behavior-data-commands-ncmd-rebirth-name, -value)."""
    t_ms = now_ns // NS_PER_MS
    payload = Payload(timestamp=t_ms)
    payload.metrics.add(name=rules.REBIRTH, timestamp=t_ms, datatype=Datatype.BOOLEAN, boolean_value=True)
    found: bytes = payload.SerializeToString()
    return found
