"""How often one may try to log in: after a few failures each further one costs twice the wait."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from twin.clock import Clock

CAPACITY = 10_000
FORGET_NS = 3600 * NS_PER_S
"""Failures are forgotten after so long without another one."""


@dataclass(frozen=True, slots=True)
class Limit:
    """``free`` failures cost nothing; the next ones 1, 2, 4 … s, at most ``longest_s``."""

    free: int
    longest_s: int


ACCOUNT = Limit(5, 60)
"""Short, so that who knows only a name cannot keep its owner out for long."""
ADDRESS = Limit(20, 600)


class Backoff:
    """Failures by account and by address, in memory (mutable and bounded; the event loop's thread only)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

    def wait_s(self, account: str, address: str) -> int:
        """How long this account, or this address, still has to wait; 0 where it may try."""
        now_ns = self._clock.now_ns()
        waits = [self._wait_ns(key, limit, now_ns) for key, limit in _keys(account, address)]
        return -(-max(waits) // NS_PER_S)

    def tried(self, account: str, address: str) -> None:
        """A try begins: it counts as failed until it is told to have `succeeded`, so that many at once gain nothing."""
        now_ns = self._clock.now_ns()
        for key, _ in _keys(account, address):
            count, last_ns = self._failed.pop(key, (0, 0))
            self._failed[key] = (1 if now_ns - last_ns > FORGET_NS else count + 1, now_ns)
        while len(self._failed) > CAPACITY:
            self._failed.popitem(last=False)

    def succeeded(self, account: str, address: str) -> None:
        """The try was right: the account begins anew, the address has this one taken back."""
        self._failed.pop(("account", account), None)
        count, last_ns = self._failed.get(("address", address), (0, 0))
        if count:
            self._failed["address", address] = (count - 1, last_ns)

    def _wait_ns(self, key: tuple[str, str], limit: Limit, now_ns: int) -> int:
        count, last_ns = self._failed.get(key, (0, 0))
        if count < limit.free or now_ns - last_ns > FORGET_NS:
            return 0
        pause_s = min(limit.longest_s, 1 << min(count - limit.free, 30))
        return max(0, last_ns + pause_s * NS_PER_S - now_ns)


def _keys(account: str, address: str) -> tuple[tuple[tuple[str, str], Limit], ...]:
    return (("account", account), ACCOUNT), (("address", address), ADDRESS)
