"""Who asks: the person of the request that is being answered, and what they may do."""

from __future__ import annotations

import functools
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from twin.errors import Forbidden
from twin.ids import site_of
from twin.policy import LEAST_ROLE, Person, Right, Role, may

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from connectors.desk import Desk

LOCAL = Person("local", Role.ADMIN)
"""Whoever sits at this machine, while there are no accounts: the pages are bound to loopback then."""
NOBODY = Person("nobody", Role.VIEWER, frozenset())
"""Who did not log in: sees no site, and comes only where anyone may."""

_person: ContextVar[Person] = ContextVar("factory_twin_person", default=LOCAL)


def person() -> Person:
    """The person whose request is being answered."""
    return _person.get()


def set_person(one: Person) -> None:
    """Answer this task's request for ``one``."""
    _person.set(one)


def allowed(right: Right, site: str = "") -> bool:
    """Whether the person has a right at a site: what a page shows or hides by it."""
    return may(person(), right, site)


def sees(asset: str) -> bool:
    """Whether the person may see an asset, by the site its id begins with."""
    one = person()
    return one.sees_all or one.sees(site_of(asset))


def needs(right: Right, site: str = "") -> Person:
    """The person, who has that right; raises Forbidden. To be asked by everything that changes something."""
    one = person()
    if not may(one, right, site):
        raise Forbidden(one.name, right, site)
    return one


def changes(right: Right) -> Callable[[Callable[..., Awaitable[Any]]], Callable[..., Awaitable[Any]]]:
    """Declare a callback that changes something: who has not the right anywhere does not reach it.

    Below ``@app.callback``; inside, `needs` asks for the site it concerns. A callback without this reads only.
    """

    def declare(function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(function)
        async def asked(*values: Any) -> Any:
            one = person()
            if one.role < LEAST_ROLE[right] or (one.rights is not None and right not in one.rights):
                raise Forbidden(one.name, right)
            return await function(*values)

        asked.changes = right  # type: ignore[attr-defined]  # read by the test that walks every callback
        return asked

    return declare


def exporting(desk: Desk, subject: str, site: str = "", detail: Mapping[str, object] | None = None) -> Person:
    """The person, who may export; the trail tells of it. To be asked by every download."""
    one = needs(Right.EXPORT, site)
    desk.note(one.name, "export", subject, detail)
    return one
