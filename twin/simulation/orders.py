"""The fleet master of a simulated site: what it orders of each mobile robot, and what the robot tells of it.

It follows VDA 5050 in meaning, not on the wire: an order is a row of nodes, the first of them where the
robot stands; those released are its base, the rest its horizon. The master releases a few edges ahead of
the robot, in updates that begin at the last node of the base. Each order ends with one action. Where the
robot is blocked it raises an error; the master waits, and if that takes too long cancels the order and
gives a new one for what is left of it. All of it follows from the trips that `fleet` plans, so it is as
deterministic as they are. Times are whole milliseconds since the plant's start.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from twin.simulation.routes import Hop

BASE_EDGES = 6
"""How many edges ahead of the robot the master releases."""
REFILL_EDGES = 2
"""With this many released edges left it releases more."""
PATIENCE_MS = 40_000
"""How long the master waits for a blocked robot before it takes the order back."""
ANSWER_MS = 300
"""How long a master or a robot takes to answer."""
BLOCKED = "obstacleInProtectiveField"
PICK, DROP, CHARGE, STOP_CHARGING = "pick", "drop", "startCharging", "stopCharging"
CANCEL = "cancelOrder"


class Action(NamedTuple):
    """One action and how far it is: WAITING, RUNNING, FINISHED or FAILED; ``key`` is unique with the robot."""

    key: str
    type: str
    status: str = "WAITING"


@dataclass(frozen=True, slots=True)
class Order:
    """What the master sends: the nodes from ``first`` on, of which those before ``released`` are the base.

    ``nodes`` are all of the order's, so ``nodes[i]`` has the sequence 2 i, and the edge behind it 2 i + 1.
    ``actions`` are those of the first node and of the last one.
    """

    number: int
    update: int
    nodes: tuple[str, ...]
    first: int
    released: int
    begin: tuple[Action, ...] = ()
    end: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class InstantAction:
    """What the master asks for at once."""

    key: str
    type: str


@dataclass(frozen=True, slots=True)
class Report:
    """What the robot says of its order: it stands at, or drives from, ``order.nodes[reached]``."""

    order: Order | None = None
    reached: int = 0
    actions: tuple[Action, ...] = ()
    fault: str = ""
    load: str = ""

    @property
    def is_done(self) -> bool:
        """Whether nothing of the order is left."""
        ended = all(action.status in ("FINISHED", "FAILED") for action in self.actions)
        return self.order is None or (ended and self.reached == len(self.order.nodes) - 1)


Told: TypeAlias = "Order | InstantAction | Report"


class OrderBook:
    """The orders of one robot. Mutable: the fleet writes as it decides, whoever listens takes.

    Without a listener (``keeps`` is False) nothing is kept but the newest report.
    """

    def __init__(self, node: str, *, keeps: bool) -> None:
        self.node = node
        """Where the robot stood at the start."""
        self.keeps = keeps
        self.report = Report()
        self._told: deque[tuple[int, Told]] = deque()
        self._orders = 0
        self._instants = 0

    def take(self, until_ms: int) -> Iterator[tuple[int, Told]]:
        """What was said before ``until_ms`` and not taken yet, by time."""
        while self._told and self._told[0][0] < until_ms:
            yield self._told.popleft()

    def travel(self, t_ms: int, start: str, hops: Sequence[Hop], action: str, *, leaves_charger: bool) -> None:
        """Order a trip at ``t_ms``; the robot takes it, and is told more of its way as it goes."""
        nodes = (start, *(hop.edge.end for hop in hops))
        order = self._new_order(t_ms, nodes, action, STOP_CHARGING if leaves_charger else "")
        for reached, hop in enumerate(hops, 1):
            self._say(hop.arrive_ms, replace(self.report, reached=reached))
            left = order.released - 1 - reached
            if order.released < len(nodes) and left <= REFILL_EDGES:
                more = min(len(nodes), reached + 1 + BASE_EDGES)
                order = replace(order, update=order.update + 1, first=order.released - 1, released=more, begin=())
                # A hop takes seconds: master and robot have answered before the next one ends.
                self._say(hop.arrive_ms + ANSWER_MS, order)
                self._say(hop.arrive_ms + 2 * ANSWER_MS, replace(self.report, order=order))

    def block(self, begin_ms: int, end_ms: int) -> None:
        """The robot cannot act until ``end_ms``; the master waits, or gives the rest as a new order."""
        self._say(begin_ms, replace(self.report, fault=BLOCKED))
        order = self.report.order
        waits = order is not None and not self.report.is_done
        if order is not None and waits and end_ms - begin_ms > PATIENCE_MS + 4 * ANSWER_MS:
            self._instants += 1
            cancel = InstantAction(f"cancel-{self._instants}", CANCEL)
            t_ms = begin_ms + PATIENCE_MS
            self._say(t_ms, cancel)
            failed = tuple(one if one.status == "FINISHED" else one._replace(status="FAILED")
                           for one in self.report.actions)  # fmt: skip
            done = Action(cancel.key, cancel.type, "FINISHED")
            self._say(t_ms + ANSWER_MS, replace(self.report, actions=(*failed, done)))
            left = next(one.type for one in order.end)
            self._new_order(t_ms + 2 * ANSWER_MS, order.nodes[-1:], left, "")
        self._say(end_ms, replace(self.report, fault=""))

    def begin(self, t_ms: int) -> None:
        """The robot begins the order's last action."""
        self._say(t_ms, replace(self.report, actions=self._last_is("RUNNING")))

    def finish(self, t_ms: int) -> None:
        """The robot has done the order's last action; it holds a load after a pick, and none after a drop."""
        actions = self._last_is("FINISHED")
        load = self.report.load
        if actions and actions[-1].type == PICK:
            load = f"L{self._orders:06d}"
        elif actions and actions[-1].type == DROP:
            load = ""
        self._say(t_ms, replace(self.report, actions=actions, load=load))

    def _new_order(self, t_ms: int, nodes: tuple[str, ...], action: str, first: str) -> Order:
        self._orders += 1
        begin = (Action(f"{self._orders}-0", first),) if first else ()
        end = (Action(f"{self._orders}-1", action),)
        order = Order(self._orders, 0, nodes, 0, min(len(nodes), BASE_EDGES + 1), begin, end)
        self._say(t_ms, order)
        actions = (*(one._replace(status="FINISHED") for one in begin), *end)
        self._say(t_ms + ANSWER_MS, replace(self.report, order=order, reached=0, actions=actions))
        return order

    def _last_is(self, status: str) -> tuple[Action, ...]:
        *before, last = self.report.actions
        return (*before, last._replace(status=status))

    def _say(self, t_ms: int, told: Told) -> None:
        if isinstance(told, Report):
            self.report = told
        if self.keeps:
            self._told.append((t_ms, told))
