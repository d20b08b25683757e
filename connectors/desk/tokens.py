"""Tokens: for programs that ask ``/api/v1``. Each belongs to an account, and may do no more than that account.

The program keeps the token, the desk its SHA-256.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from connectors.desk.accounts import accounts_in, checked_sites, sites_text
from connectors.desk.people import tokens
from connectors.desk.sessions import hash_of
from twin.errors import AccountError
from twin.policy import EVERY_SITE, LEAST_ROLE, Person, Right

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from connectors.desk.accounts import Account
    from connectors.desk.open import Desk

BEGINS = "twin_"
"""So that a token that is found somewhere is known for what it is."""
MAX_LABEL = 100


@dataclass(frozen=True, slots=True)
class Token:
    """One token, without its word."""

    id: str
    sha256: str
    owner: str
    label: str
    rights: frozenset[Right]
    sites: frozenset[str]
    made_ns: int
    ends_ns: int | None
    used_ns: int | None

    def is_over(self, now_ns: int) -> bool:
        """Whether its time is up."""
        return self.ends_ns is not None and now_ns >= self.ends_ns

    def person(self, owner: Account) -> Person:
        """Who asks by it: its owner, with no more than its own rights, at no more than its own sites."""
        if EVERY_SITE in self.sites:
            sites = owner.sites
        else:
            sites = self.sites if EVERY_SITE in owner.sites else self.sites & owner.sites
        return Person(f"{owner.name}/{self.id}", owner.role, sites, self.rights)


class Tokens:
    """The tokens on a desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add(  # noqa: PLR0913  the facts of a token
        self,
        who: str,
        owner: Account,
        label: str,
        rights: Iterable[Right] = (Right.SEE,),
        sites: Iterable[str] = (EVERY_SITE,),
        ends_ns: int | None = None,
    ) -> tuple[str, Token]:
        """Make a token; returns the word that opens, which is kept nowhere, and the token."""
        given, reach = frozenset(rights) | {Right.SEE}, checked_sites(sites)
        beyond = sorted(one.value for one in given if owner.role < LEAST_ROLE[one])
        if beyond:
            raise AccountError(f"{owner.name} is {owner.role.word} and may not {', '.join(beyond)}: nor may a token")
        if EVERY_SITE not in owner.sites and EVERY_SITE not in reach and not reach <= owner.sites:
            raise AccountError(f"{owner.name} sees {', '.join(sorted(owner.sites))} only: a token sees no more")
        if not 0 < len(label.strip()) <= MAX_LABEL or not label.isprintable():
            raise AccountError(f"{label!r} is no label: say in 1 to {MAX_LABEL} characters what it is for")
        word = BEGINS + secrets.token_urlsafe(32)
        token = Token(
            secrets.token_hex(4), hash_of(word), owner.name, label.strip(), given, reach,
            self._desk.now_ns, ends_ns, None,
        )  # fmt: skip
        told = {"owner": owner.name, "label": token.label, "rights": _rights(given), "sites": sorted(reach)}
        with self._desk.writing(who, "token.add", token.id, told) as connection:
            connection.execute(
                tokens.insert().values(
                    id=token.id, sha256=token.sha256, owner=token.owner, label=token.label, made_ns=token.made_ns,
                    rights=json.dumps(_rights(given)), sites=sites_text(reach), ends_ns=ends_ns, used_ns=None,
                )
            )  # fmt: skip
        return word, token

    def all(self, owner: str = "") -> list[Token]:
        """Every token, of one account or of all, oldest first; those whose time is up too."""
        if not self._desk.is_there():
            return []
        with self._desk.reading() as connection:
            rows = connection.execute(select(tokens).order_by(tokens.c.made_ns)).all()
        return [_token(row) for row in rows if not owner or row.owner == owner]

    def remove(self, who: str, token_id: str) -> Token:
        """Take a token back; raises AccountError where there is none."""
        found = next((one for one in self.all() if one.id == token_id), None)
        if found is None:
            raise AccountError(f"there is no token {token_id!r}: `twin users token list` lists them by their ids")
        with self._desk.writing(who, "token.remove", token_id, {"owner": found.owner}) as connection:
            connection.execute(tokens.delete().where(tokens.c.id == token_id))
        return found

    def use(self, hashes: Iterable[str]) -> None:
        """Keep that these were used now."""
        with self._desk.keeping() as connection:
            connection.execute(
                tokens.update().where(tokens.c.sha256.in_(list(hashes))).values(used_ns=self._desk.now_ns)
            )


def _rights(rights: Iterable[Right]) -> list[str]:
    return sorted(one.value for one in rights)


def _token(row: Any) -> Token:
    rights = frozenset(Right(one) for one in json.loads(row.rights))
    sites = frozenset(json.loads(row.sites))
    return Token(row.id, row.sha256, row.owner, row.label, rights, sites, row.made_ns, row.ends_ns, row.used_ns)


def tokens_in(connection: Connection, now_ns: int) -> list[tuple[Token, Account]]:
    """The tokens that open, with their owners; not those of locked accounts."""
    accounts = {one.name: one for one in accounts_in(connection) if not one.locked}
    found = [_token(row) for row in connection.execute(select(tokens))]
    return [(one, accounts[one.owner]) for one in found if one.owner in accounts and not one.is_over(now_ns)]
