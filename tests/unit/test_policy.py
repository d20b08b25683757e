"""Roles, rights and sites."""

import pytest

from twin.policy import EVERY_SITE, LEAST_ROLE, Person, Right, Role, may


def test_every_right_has_a_role():
    assert set(LEAST_ROLE) == set(Right)


@pytest.mark.parametrize("right", list(Right))
@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_all_that_those_before_it_may(role, right):
    everywhere, here = Person("kim", role), Person("kim", role, frozenset({"jeonju"}))
    enough = role >= LEAST_ROLE[right]
    assert may(everywhere, right, "jeonju") is enough
    assert may(here, right, "jeonju") is enough
    assert may(here, right, "changwon") is False
    assert may(everywhere, right) is enough


def test_what_belongs_to_all_sites_is_changed_by_those_of_all():
    here = Person("kim", Role.ADMIN, frozenset({"jeonju"}))
    assert may(here, Right.SEE)
    assert not may(here, Right.ADMINISTER)
    assert may(Person("lee", Role.ADMIN, frozenset({EVERY_SITE})), Right.ADMINISTER)


def test_a_token_has_its_own_rights_only_and_nobody_has_none():
    token = Person("ada/1", Role.ADMIN, rights=frozenset({Right.SEE, Right.EXPORT}))
    assert may(token, Right.EXPORT, "jeonju")
    assert not may(token, Right.CONFIGURE, "jeonju")
    assert not may(Person("nobody", Role.VIEWER, frozenset()), Right.SEE)
