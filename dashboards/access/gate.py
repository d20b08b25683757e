"""Who comes in: sessions and tokens as the desk has them, remembered for a moment.

Every request asks, so the desk is read once in `KEEP_S` and not for each. What another process changes
(`twin users revoke`) holds here that much later, what this one changes at once. While the desk is away,
what it said last holds on, and sessions still end when their time is up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors.desk.accounts import Accounts
from connectors.desk.sessions import Session, Sessions, hash_of, sessions_in
from connectors.desk.tokens import Token, Tokens, tokens_in
from dashboards.access.auth import LOCAL, NOBODY
from twin.clock import NS_PER_S
from twin.errors import StoreError

if TYPE_CHECKING:
    from connectors.desk import Desk
    from connectors.desk.accounts import Account
    from twin.config import WebConfig
    from twin.policy import Person

log = logging.getLogger(__name__)
KEEP_S = 1.0
USED_NS = 30 * NS_PER_S
"""How exactly the desk knows when a session or a token was used last."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Who asks, and by what: a session, a token, or neither."""

    person: Person
    session: Session | None = None

    @property
    def is_in(self) -> bool:
        """Whether it is anybody."""
        return self.person is not NOBODY


@dataclass(frozen=True, slots=True)
class _Known:
    """What the desk said, and when (on the monotonic clock)."""

    at_s: float
    users: bool
    sessions: dict[str, tuple[Session, Account]] = field(default_factory=dict)
    tokens: dict[str, tuple[Token, Account]] = field(default_factory=dict)


class Gate:
    """Answers for every request who asks (mutable; the event loop's thread only)."""

    def __init__(self, desk: Desk, web: WebConfig) -> None:
        self.accounts = Accounts(desk)
        self.sessions = Sessions(desk)
        self.tokens = Tokens(desk)
        self.web = web
        self._desk = desk
        self._known: _Known | None = None
        self._reading = asyncio.Lock()
        self._used: dict[str, int] = {}

    async def has_users(self) -> bool:
        """Whether there are accounts; raises StoreError while nobody can know."""
        return (await self._now()).users

    async def enter(self, word: str, bearer: str = "") -> Entry:
        """Who brings this session's word, or this token; raises StoreError while nobody can know."""
        known = await self._now()
        if not known.users:
            open_to_all = self.web.is_local or self.web.allow_remote_without_users
            return Entry(LOCAL if open_to_all else NOBODY)
        now_ns = self._desk.now_ns
        if bearer:
            found = known.tokens.get(hash_of(bearer))
            if found is None or found[0].is_over(now_ns):
                return Entry(NOBODY)
            self._use(found[0].sha256, found[0].used_ns or 0, now_ns)
            return Entry(found[0].person(found[1]))
        one = known.sessions.get(hash_of(word)) if word else None
        if one is None:
            return Entry(NOBODY)
        session, account = one
        used_ns = max(session.used_ns, self._used.get(session.sha256, 0))
        if now_ns >= min(session.ends_ns, used_ns + session.idle_ns):
            return Entry(NOBODY)
        self._use(session.sha256, session.used_ns, now_ns)
        return Entry(account.person, session)

    async def log_in(self, account: Account, address: str, agent: str, before: str) -> str:
        """Begin a session; returns the browser's word."""
        word = await asyncio.to_thread(
            self.sessions.begin,
            account,
            self.web.session_idle_min * 60,
            self.web.session_max_h * 3600,
            address,
            agent,
            before,
        )
        self.forget()
        return word

    async def log_out(self, word: str) -> None:
        """End the session of that word, if there is one."""
        found = (await self._now()).sessions.get(hash_of(word))
        if found is not None:
            await asyncio.to_thread(self.sessions.end, found[0])
            self.forget()

    def forget(self) -> None:
        """Ask the desk anew: something changed."""
        if self._known is not None:
            self._known = _Known(float("-inf"), self._known.users, self._known.sessions, self._known.tokens)

    def _use(self, sha256: str, written_ns: int, now_ns: int) -> None:
        if now_ns - written_ns >= USED_NS:
            self._used[sha256] = now_ns

    async def _now(self) -> _Known:
        known = self._known
        if known is not None and time.monotonic() - known.at_s < KEEP_S:
            return known
        async with self._reading:
            known = self._known
            if known is not None and time.monotonic() - known.at_s < KEEP_S:
                return known
            try:
                self._known = await asyncio.to_thread(self._read)
            except StoreError as error:
                if known is None:
                    raise
                log.warning("accounts cannot be read, what was known of them holds on: %s", error)
                self._known = _Known(time.monotonic(), known.users, known.sessions, known.tokens)
            return self._known

    def _read(self) -> _Known:
        if not self.accounts.exist():
            return _Known(time.monotonic(), users=False)
        used, self._used = self._used, {}
        now_ns = self._desk.now_ns
        if used:
            with contextlib.suppress(StoreError):
                self.sessions.use(used)
                self.tokens.use(used)
        with self._desk.reading() as connection:
            sessions = {one.sha256: (one, account) for one, account in sessions_in(connection, now_ns)}
            tokens = {one.sha256: (one, account) for one, account in tokens_in(connection, now_ns)}
        return _Known(time.monotonic(), users=True, sessions=sessions, tokens=tokens)
