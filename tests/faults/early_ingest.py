"""``twin ingest`` with a bug on purpose: it acknowledges what it has taken, not what it has stored."""

from __future__ import annotations

import sys

from connectors.sources import mqtt
from dashboards.cli import main

_MID_BITS = 16
_take = mqtt.Source._take


def take(self, wire, messages, mids):
    taken = _take(self, wire, messages, mids)
    self.acknowledge([wire.generation << _MID_BITS | mid for mid in mids[:taken]])
    return taken


mqtt.Source._take = take
sys.argv = ["twin", "ingest", *sys.argv[1:]]
main()
