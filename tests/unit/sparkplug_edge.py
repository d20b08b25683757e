"""An edge that a test moves by hand: payloads right or wrong, and a decoder that listens."""

from __future__ import annotations

import math

from connectors import plugins
from connectors.decoders._sparkplug.proto import Payload
from twin.errors import DecodeError
from twin.message import Finding, Handled, Liveness, Message, Settled
from twin.sample import SEQ_EPOCH_SHIFT, Frames
from twin.site import Hub, Name

HUB = Hub("hub", Name("h", "h"), ())
T0_MS = 1_795_328_000_000
MS = 10**6
S = 10**9
T0 = T0_MS * MS
FIELDS = {
    **dict.fromkeys([1, 2, 3, 5, 6, 7], "int_value"),
    **dict.fromkeys([4, 8, 13], "long_value"),
    9: "float_value",
    10: "double_value",
    11: "boolean_value",
    **dict.fromkeys([12, 14, 15], "string_value"),
    **dict.fromkeys([17, 18, *range(22, 35)], "bytes_value"),
}


def metric(payload, name=None, value=None, *, alias=None, kind=None, t_ms=None, field=None, **more):
    """Add a metric; ``kind`` chooses the field, ``field`` another one, None is null unless ``field`` says so."""
    told = payload.metrics.add(**more)
    if name is not None:
        told.name = name
    if alias is not None:
        told.alias = alias
    if kind is not None:
        told.datatype = kind
    told.timestamp = T0_MS if t_ms is None else t_ms
    if value is None and field is None:
        told.is_null = True
    elif value is not None:
        setattr(told, field or FIELDS[kind], value)
    return told


class Edge:
    """A node and a host that hears it (mutable: the sequence, and the host's clock)."""

    def __init__(self, node="n1", group="g", decoder=None, **options):
        self.group, self.node = group, node
        self.options = {"start_jitter_s": 0.0, **options}
        self.decoder = decoder or plugins.make_decoder("sparkplug_b", self.options, "test", HUB)
        self.seq = -1
        self.now_ns = T0 + 3 * MS
        self.t_ms = T0_MS
        self.log = []

    # Making messages.

    def topic(self, verb, device=""):
        return f"spBv1.0/{self.group}/{verb}/{self.node}" + (f"/{device}" if device else "")

    def payload(self, *, seq=True, timestamp=True):
        self.t_ms += 10
        made = Payload()
        if timestamp:
            made.timestamp = self.t_ms
        if seq is True:
            self.seq = (self.seq + 1) % 256
            made.seq = self.seq
        elif seq is not False:
            made.seq = seq
        return made

    def nbirth(self, metrics=(), *, bdseq=0, rebirth=True, seq=0):
        self.seq = seq - 1
        made = self.payload()
        if bdseq is not None:
            metric(made, "bdSeq", bdseq, kind=4, t_ms=self.t_ms)
        if rebirth:
            metric(made, "Node Control/Rebirth", False, kind=11, t_ms=self.t_ms)
        return self.message("NBIRTH", self.filled(made, metrics))

    def filled(self, made, metrics):
        for one in metrics:
            metric(made, **{"t_ms": self.t_ms, **one})
        return made

    def dbirth(self, device, metrics, **how):
        return self.message("DBIRTH", self.filled(self.payload(**how), metrics), device)

    def ddata(self, device, metrics, **how):
        return self.message("DDATA", self.filled(self.payload(**how), metrics), device)

    def ndata(self, metrics, **how):
        return self.message("NDATA", self.filled(self.payload(**how), metrics))

    def ddeath(self, device, **how):
        return self.message("DDEATH", self.payload(**how), device)

    def ndeath(self, bdseq=0, **how):
        made = Payload()
        if bdseq is not None:
            metric(made, "bdSeq", bdseq, kind=4)
        return self.message("NDEATH", made, **{"qos": 1, **how})

    def message(self, verb, made, device="", *, qos=0, retain=False):
        self.now_ns += 10 * MS
        body = made if isinstance(made, bytes) else made.SerializeToString()
        return Message(self.topic(verb, device), body, self.now_ns, qos, retain)

    # Listening.

    def hear(self, message):
        """What the host makes of a message; a refusal is its DecodeError."""
        try:
            found = list(self.decoder.decode(message))
        except DecodeError as error:
            found = [error]
        self.log += found
        return found

    def hear_all(self, *messages):
        return [told for message in messages for told in self.hear(message)]

    def tick(self, after_s=0.0):
        self.now_ns += round(after_s * S)
        found = list(self.decoder.tick(self.now_ns))
        self.log += found
        return found

    def restart(self):
        state = self.decoder.state()
        self.decoder = plugins.make_decoder("sparkplug_b", self.options, "test", HUB)
        self.decoder.restore(state)

    def up(self, device="d", metrics=None, **how):
        """A node and one device, born."""
        metrics = metrics or [{"name": "x", "value": 0.5, "kind": 10, "alias": 1}]
        return self.hear_all(self.nbirth(**how), self.dbirth(device, metrics))


def told(found, kind):
    return [one for one in found if isinstance(one, kind)]


def rules(found):
    return [one.rule for one in told(found, Finding)]


def liveness(found):
    return [(one.path, one.online, one.t_ns) for one in told(found, Liveness)]


def handled(found):
    return [one.kind for one in told(found, Handled)]


def settled(found):
    return [one.reason for one in told(found, Settled)]


def reasons(found):
    return [one.reason for one in told(found, DecodeError)]


def rows(found):
    """Every frame: (stream, t_ns, seq, values and texts, quality)."""
    made = []
    for part in told(found, Frames):
        texts = part.texts or ((),) * len(part)
        for i in range(len(part)):
            numbers = [None if math.isnan(value) else value for value in part.values[i].tolist()]
            made.append(
                (part.stream.id, int(part.t_ns[i]), int(part.seq[i]), (*numbers, *texts[i]), int(part.quality[i]))
            )
    return made


def values(found, stream):
    return [cells[0] if len(cells) == 1 else cells for name, _, _, cells, _ in rows(found) if name == stream]


def counts(found, node="g/n1"):
    """(epoch, count) of the messages of a node that were stored."""
    return [divmod(seq, 1 << SEQ_EPOCH_SHIFT) for name, _, seq, _, _ in rows(found) if name == f"{node}:messages"]
