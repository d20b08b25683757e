"""Sessions: a browser that logged in, until it logs out, is idle too long, or its time is up.

The browser keeps a random word, the desk its SHA-256: who reads the desk cannot take a session over.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from connectors.desk.accounts import accounts_in
from connectors.desk.people import sessions
from twin.clock import NS_PER_S
from twin.errors import AccountError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Connection

    from connectors.desk.accounts import Account
    from connectors.desk.open import Desk

HANDLE = 10
"""So many characters of a session's hash name it for people."""
MAX_AGENT = 200


@dataclass(frozen=True, slots=True)
class Session:
    """One browser's session."""

    sha256: str
    name: str
    begun_ns: int
    used_ns: int
    idle_ns: int
    ends_ns: int
    address: str
    agent: str

    @property
    def handle(self) -> str:
        """Its name for people."""
        return self.sha256[:HANDLE]

    def is_over(self, now_ns: int) -> bool:
        """Whether it was idle too long, or its time is up."""
        return now_ns >= min(self.ends_ns, self.used_ns + self.idle_ns)


def hash_of(word: str) -> str:
    """What the desk keeps of a random word."""
    return hashlib.sha256(word.encode("utf-8", "surrogatepass")).hexdigest()


class Sessions:
    """The sessions on a desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def begin(  # noqa: PLR0913  the facts of a session
        self, account: Account, idle_s: float, longest_s: float, address: str = "", agent: str = "", before: str = ""
    ) -> str:
        """Begin a session, and end the one that the browser had ``before``; returns the browser's word."""
        word = secrets.token_urlsafe(32)
        now_ns = self._desk.now_ns
        row = Session(
            hash_of(word), account.name, now_ns, now_ns, round(idle_s * NS_PER_S),
            now_ns + round(longest_s * NS_PER_S), address, agent[:MAX_AGENT],
        )  # fmt: skip
        told = {"session": row.handle, "address": address, "agent": row.agent}
        with self._desk.writing(account.name, "login", account.name, told) as connection:
            connection.execute(sessions.delete().where(_over(now_ns)))
            if before:
                connection.execute(sessions.delete().where(sessions.c.sha256 == hash_of(before)))
            connection.execute(
                sessions.insert().values({column.name: getattr(row, column.name) for column in sessions.c})
            )
        return word

    def all(self, name: str = "") -> list[Session]:
        """The sessions that are not over, of one account or of all, the last used first."""
        if not self._desk.is_there():
            return []
        with self._desk.reading() as connection:
            found = [one for one, _ in sessions_in(connection, self._desk.now_ns)]
        return [one for one in found if not name or one.name == name]

    def use(self, hashes: Iterable[str]) -> None:
        """Keep that these were used now."""
        with self._desk.keeping() as connection:
            connection.execute(
                sessions.update().where(sessions.c.sha256.in_(list(hashes))).values(used_ns=self._desk.now_ns)
            )

    def end(self, session: Session, why: str = "logout") -> None:
        """End a session by the person's own wish."""
        with self._desk.writing(session.name, why, session.name, {"session": session.handle}) as connection:
            connection.execute(sessions.delete().where(sessions.c.sha256 == session.sha256))

    def revoke(self, who: str, which: str) -> list[Session]:
        """End a session by its handle, or all of an account; raises AccountError where there is none."""
        found = [one for one in self.all() if which in (one.name, one.handle)]
        if not found:
            raise AccountError(f"there is no session {which!r}: `twin users sessions` lists them")
        told = {"sessions": [one.handle for one in found]}
        with self._desk.writing(who, "session.revoke", found[0].name, told) as connection:
            connection.execute(sessions.delete().where(sessions.c.sha256.in_([one.sha256 for one in found])))
        return found


def _over(now_ns: int) -> ColumnElement[bool]:
    return (sessions.c.ends_ns <= now_ns) | (sessions.c.used_ns + sessions.c.idle_ns <= now_ns)


def sessions_in(connection: Connection, now_ns: int) -> list[tuple[Session, Account]]:
    """The sessions that are not over, with their accounts, the last used first; not those of locked accounts."""
    accounts = {one.name: one for one in accounts_in(connection) if not one.locked}
    rows = connection.execute(select(sessions).where(~_over(now_ns)).order_by(sessions.c.used_ns.desc()))
    found = [Session(*row) for row in rows]
    return [(one, accounts[one.name]) for one in found if one.name in accounts]
