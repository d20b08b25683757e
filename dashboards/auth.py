"""Who asks: the person of the request that is being answered, and what they may do."""

from __future__ import annotations

from contextvars import ContextVar

from twin.errors import Forbidden
from twin.policy import Person, Right, Role, may

LOCAL = Person("local", Role.ADMIN)
"""Whoever sits at this machine, while there are no accounts: the pages are bound to loopback then."""

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


def needs(right: Right, site: str = "") -> Person:
    """The person, who has that right; raises Forbidden. To be asked by everything that changes something."""
    one = person()
    if not may(one, right, site):
        raise Forbidden(one.name, right, site)
    return one
