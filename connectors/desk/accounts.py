"""Accounts: who may come in, as what, and for which sites. Passwords are kept as argon2id hashes only."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select

from connectors.desk.people import sessions, tokens, users
from twin.errors import AccountError
from twin.policy import EVERY_SITE, Person, Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from connectors.desk.open import Desk

MIN_PASSWORD = 10
MAX_PASSWORD_BYTES = 1000
MAX_NAME = 64
RESERVED = ("local", "nobody", "terminal")
"""Names that the trail uses for those who have no account."""


@dataclass(frozen=True, slots=True)
class Account:
    """One person's account."""

    name: str
    role: Role
    sites: frozenset[str]
    locked: bool
    created_ns: int
    changed_ns: int

    @property
    def person(self) -> Person:
        """Who they are to the policy."""
        return Person(self.name, self.role, self.sites)


HASHER = PasswordHasher()
"""The library's own costs, which follow RFC 9106; a hash carries its costs, so they may change."""


class Accounts:
    """The accounts on a desk. Every change ends the sessions of whom it concerns."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._hasher = HASHER
        self._nobody = ""

    def exist(self) -> bool:
        """Whether there is any account, locked ones too; a desk that was never written to has none."""
        if not self._desk.is_there():
            return False
        with self._desk.reading() as connection:
            return connection.execute(select(users.c.name).where(~users.c.removed).limit(1)).first() is not None

    def all(self) -> list[Account]:
        """Every account, by name."""
        if not self._desk.is_there():
            return []
        with self._desk.reading() as connection:
            return accounts_in(connection)

    def get(self, name: str) -> Account:
        """The account of that name; raises AccountError where there is none."""
        found = next((one for one in self.all() if one.name == _normal(name)), None)
        if found is None:
            raise AccountError(f"there is no account {name!r}: `twin users list` names those there are")
        return found

    def add(self, who: str, name: str, password: str, role: Role, sites: Iterable[str] = (EVERY_SITE,)) -> Account:
        """Make an account; a name that was removed before may be given again."""
        name, reach = checked_name(name), checked_sites(sites)
        hashed = self._hashed(name, password)
        if any(one.name == name for one in self.all()):
            raise AccountError(f"there is an account {name!r} already: `twin users set {name}` changes it")
        now_ns = self._desk.now_ns
        row = {"role": role.word, "sites": sites_text(reach), "password": hashed, "locked": False, "removed": False}
        row |= {"created_ns": now_ns, "changed_ns": now_ns}
        with self._desk.writing(who, "user.add", name, {"role": role.word, "sites": sorted(reach)}) as connection:
            if not connection.execute(users.update().where(users.c.name == name, users.c.removed).values(row)).rowcount:
                connection.execute(users.insert().values(name=name, **row))
        return self.get(name)

    def change(
        self,
        who: str,
        name: str,
        *,
        role: Role | None = None,
        sites: Iterable[str] | None = None,
        locked: bool | None = None,
    ) -> Account:
        """Change an account's role, sites, or whether it is locked."""
        before = self.get(name)
        row: dict[str, Any] = {}
        told: dict[str, object] = {}
        if role is not None:
            row["role"] = told["role"] = role.word
        if sites is not None:
            reach = checked_sites(sites)
            row["sites"], told["sites"] = sites_text(reach), sorted(reach)
        if locked is not None:
            row["locked"] = told["locked"] = locked
        if not row:
            raise AccountError("nothing to change: give a role, sites, or whether it is locked")
        with self._desk.writing(who, "user.change", before.name, told) as connection:
            connection.execute(users.update().where(users.c.name == before.name).values(**row, **self._changed()))
            _end_sessions(connection, before.name)
        return self.get(name)

    def remove(self, who: str, name: str) -> None:
        """Remove an account, its sessions and its tokens."""
        account = self.get(name)
        row = {"removed": True, "password": "", **self._changed()}
        with self._desk.writing(who, "user.remove", account.name) as connection:
            connection.execute(users.update().where(users.c.name == account.name).values(row))
            _end_sessions(connection, account.name)
            connection.execute(tokens.delete().where(tokens.c.owner == account.name))

    def set_password(self, who: str, name: str, password: str) -> None:
        """Give an account a new password."""
        account = self.get(name)
        hashed = self._hashed(account.name, password)
        with self._desk.writing(who, "user.password", account.name) as connection:
            connection.execute(
                users.update().where(users.c.name == account.name).values(password=hashed, **self._changed())
            )
            _end_sessions(connection, account.name)

    def check(self, name: str, password: str) -> Account | None:
        """The account of a name and its password; None for any other. Takes as long for names that are not there."""
        if not self._desk.is_there():
            return None
        with self._desk.reading() as connection:
            row = connection.execute(select(users).where(users.c.name == _normal(name), ~users.c.removed)).first()
        if len(password.encode("utf-8", "surrogatepass")) > MAX_PASSWORD_BYTES:
            return None
        if not self._nobody:
            self._nobody = self._hasher.hash("nobody has this password")
        try:
            fits = self._hasher.verify(row.password if row is not None else self._nobody, password)
        except (VerificationError, InvalidHashError, UnicodeError):
            return None
        return _account(row) if fits and row is not None and not row.locked else None

    def failed(self, name: str, address: str, waits_s: int) -> None:
        """Tell the trail of a login that failed: what was typed as a name, cut short; who typed it is not known."""
        self._desk.note("nobody", "login.failed", name[:MAX_NAME], {"address": address, "waits_s": waits_s})

    def _hashed(self, name: str, password: str) -> str:
        if len(password) < MIN_PASSWORD:
            raise AccountError(f"the password is too short: {MIN_PASSWORD} characters at least")
        if len(password.encode("utf-8", "surrogatepass")) > MAX_PASSWORD_BYTES:
            raise AccountError(f"the password is too long: {MAX_PASSWORD_BYTES} bytes at most")
        if password.casefold() == name.casefold() or len(set(password)) == 1:
            raise AccountError("the password is too easy: not the name, not one character again and again")
        try:
            return self._hasher.hash(password)
        except UnicodeError as error:
            raise AccountError("the password is no text: write it in UTF-8") from error

    def _changed(self) -> dict[str, int]:
        return {"changed_ns": self._desk.now_ns}


def accounts_in(connection: Connection) -> list[Account]:
    """Every account that is not removed, by name."""
    return [_account(row) for row in connection.execute(select(users).where(~users.c.removed).order_by(users.c.name))]


def _account(row: Any) -> Account:
    role = Role[row.role.upper()]
    return Account(row.name, role, frozenset(json.loads(row.sites)), row.locked, row.created_ns, row.changed_ns)


def _end_sessions(connection: Connection, name: str) -> None:
    connection.execute(sessions.delete().where(sessions.c.name == name))


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip())


def checked_name(name: str) -> str:
    """A name as it is kept; raises AccountError for one that cannot be."""
    found = _normal(name)
    if not 0 < len(found) <= MAX_NAME:
        raise AccountError(f"{name!r} is no name: 1 to {MAX_NAME} characters")
    wrong = sorted({ch for ch in found if not (ch.isalnum() or ch in "._@-")})
    if wrong:
        raise AccountError(f"{name!r} is no name: letters, digits and . _ @ - only, not {' '.join(map(repr, wrong))}")
    if found.casefold() in RESERVED:
        raise AccountError(f"{found!r} is the trail's own word for those without an account: take another name")
    return found


def checked_sites(sites: Iterable[str]) -> frozenset[str]:
    """Sites as they are kept; raises AccountError where none is named."""
    found = frozenset(one.strip() for one in sites if one.strip())
    if not found:
        raise AccountError(f"name a site, or {EVERY_SITE} for all of them")
    return frozenset({EVERY_SITE}) if EVERY_SITE in found else found


def sites_text(sites: Iterable[str]) -> str:
    """Sites as a column holds them."""
    return json.dumps(sorted(sites), ensure_ascii=False)
