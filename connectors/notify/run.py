"""The process that tells people: looks at the alarms each second, decides, and sends."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING

from connectors.desk import Desk, notices
from connectors.desk.notices import Waiting
from connectors.factory_file import read_secret
from connectors.notify.carrier import NotTaken
from connectors.notify.mail import Mail
from connectors.notify.text import body_of, rule_of, subject, text
from connectors.notify.webhook import Webhook
from connectors.plugins import rules_of
from connectors.stores.lock import writer_lock
from connectors.stores.sql import open_history
from connectors.wall_clock import WallClock
from twin.alarms.notify import NoticeKind, due
from twin.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    import threading

    from connectors.notify.carrier import Carrier
    from twin.clock import Clock
    from twin.config import Factory
    from twin.ports import History
    from twin.telling import NotifyConfig

log = logging.getLogger(__name__)
LOOK_S = 1.0


class _Gone:
    """The way of a rule that the factory file has no longer."""

    def carry(self, one: Waiting, subject: str, text: str) -> None:
        """Never."""
        del subject, text
        raise NotTaken(f"the factory file has no rule {one.rule!r} any longer")


_GONE = _Gone()


class Telling:
    """Decides and sends for one factory. Mutable: it remembers what it complained of."""

    def __init__(self, factory: Factory, history: History, desk: Desk, clock: Clock) -> None:
        self._factory = factory
        self._history = history
        self._desk = desk
        self._clock = clock
        self._rules = rules_of(factory)
        self._zones = {site.id: site.timezone for site in factory.hub.sites}
        self._carriers: dict[str, tuple[Carrier, str]] = {
            one.rule.name: (carrier_of(factory, one), one.language) for one in factory.notify
        }
        self._page = f"http://{factory.web.host}:{factory.web.port}/alarms"

    def look(self) -> None:
        """Decide what is due, and send what waits; raises StoreError."""
        self._decide()
        self._send()

    def _decide(self) -> None:
        alarms = self._history.alarms()
        states = {(one.id, one.occurrence): one for one in alarms}
        for one in self._factory.notify:
            told, last_ns = notices.told(self._desk, one.rule.name)
            made = due(
                one.rule, alarms, lambda state: getattr(rule_of(state, self._rules), "priority", None),
                self._zones, told, last_ns, self._clock.now_ns(),
            )  # fmt: skip
            bodies = [body_of(notice, states, self._rules, self._factory.hub, self._page) for notice in made]
            notices.put(self._desk, zip(made, bodies, strict=True))

    def _send(self) -> None:
        for one in notices.waiting(self._desk, self._clock.now_ns()):
            carrier, language = self._carriers.get(one.rule, (_GONE, "ko"))
            try:
                carrier.carry(one, subject(one.body, language), text(one.body, language))
            except NotTaken as error:
                gives_up = notices.failed(self._desk, one, self._clock.now_ns(), str(error))
                log.warning("%s: notice %d %s: %s", one.rule, one.id, "given up" if gives_up else "waits", error)
            else:
                notices.sent(self._desk, one, self._clock.now_ns())


def carrier_of(factory: Factory, one: NotifyConfig) -> Carrier:
    """The way to a rule's people; raises ConfigError where a secret is not there."""
    if one.url:
        return Webhook(one.url, one.header, read_secret(one.secret))
    return Mail(factory.mail, read_secret(factory.mail.password), one.to)


def test_notice(factory: Factory, name: str) -> None:
    """Send a rule's people a notice that tells of nothing; raises NotTaken, ConfigError, KeyError."""
    one = next(one for one in factory.notify if one.rule.name == name)
    now_ns = WallClock().now_ns()
    body: dict[str, object] = {"hub": factory.hub.id, "kind": "test", "count": 0, "alarms": [], "page": ""}
    waiting = Waiting(now_ns, name, NoticeKind.RAISED, now_ns, body, 0)
    carrier_of(factory, one).carry(waiting, subject(body, one.language), text(body, one.language))


def run_notify(factory: Factory, stop: threading.Event) -> None:
    """Tell people of alarms until ``stop`` is set; one process of a store at a time."""
    clock = WallClock()
    with writer_lock(factory.store.url, "notify"):
        while not stop.wait(LOOK_S):
            try:
                with (
                    closing(open_history(factory.store.url)) as history,
                    closing(Desk(factory.store.url, clock)) as desk,
                ):
                    telling = Telling(factory, history, desk, clock)
                    while not stop.wait(LOOK_S):
                        telling.look()
            except StoreUnavailable as error:
                log.warning("nothing can be told now: %s", error)
            except StoreError:
                log.exception("nothing can be told now")
