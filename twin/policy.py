"""Who may do what: a decision of three facts, a person's role, the right that is asked for, and the site. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

EVERY_SITE = "*"


class Role(IntEnum):
    """What a person is in the plant; each role may do all that those before it may."""

    VIEWER = 1
    OPERATOR = 2
    ENGINEER = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        """As it is written in commands and catalogues."""
        return self.name.lower()


class Right(StrEnum):
    """What can be asked for."""

    SEE = "see"
    ACKNOWLEDGE = "acknowledge"
    """Acknowledge and reset alarms."""
    SHELVE = "shelve"
    """Shelve alarms for a time, and take that back."""
    TELL = "tell"
    """Tell what one knows: reasons of stops, comments, notes, a shift's signature."""
    EXPORT = "export"
    SUPPRESS = "suppress"
    """Suppress alarms by design, take them out of service, and take that back."""
    LAYOUT = "layout"
    """Place assets on the floor plan, and upload its drawing."""
    SIMULATE = "simulate"
    """Run what-ifs: they cost the server's cores, and show what came after their moment."""
    CONFIGURE = "configure"
    """Change the factory file."""
    ADMINISTER = "administer"
    """Accounts, sessions, tokens, and the audit trail."""


LEAST_ROLE = {
    Right.SEE: Role.VIEWER,
    Right.ACKNOWLEDGE: Role.OPERATOR,
    Right.SHELVE: Role.OPERATOR,
    Right.TELL: Role.OPERATOR,
    Right.EXPORT: Role.OPERATOR,
    Right.SUPPRESS: Role.ENGINEER,
    Right.LAYOUT: Role.ENGINEER,
    Right.SIMULATE: Role.ENGINEER,
    Right.CONFIGURE: Role.ENGINEER,
    Right.ADMINISTER: Role.ADMIN,
}
"""The least role that has a right."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks. ``sites`` are those that the person's role holds for; `EVERY_SITE` for all of them.

    ``rights`` are all that is granted of the role (a token's); None: the whole role.
    """

    name: str
    role: Role
    sites: frozenset[str] = frozenset({EVERY_SITE})
    rights: frozenset[Right] | None = None

    @property
    def sees_all(self) -> bool:
        """Whether the role holds for every site."""
        return EVERY_SITE in self.sites

    def sees(self, site: str) -> bool:
        """Whether the role holds for a site."""
        return EVERY_SITE in self.sites or site in self.sites


def may(person: Person, right: Right, site: str = "") -> bool:
    """Whether a person has a right at a site; without a site, what belongs to none and to all.

    What belongs to all sites is changed only by those whose role holds for all; it is seen by everyone.
    """
    if person.role < LEAST_ROLE[right] or (person.rights is not None and right not in person.rights):
        return False
    if site:
        return person.sees(site)
    return person.sees_all or (right in (Right.SEE, Right.EXPORT) and bool(person.sites))
