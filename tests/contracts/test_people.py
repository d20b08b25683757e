"""Accounts, sessions and tokens, on SQLite and PostgreSQL."""

import pytest

from connectors.desk import Desk
from connectors.desk.accounts import Accounts, checked_name
from connectors.desk.sessions import Sessions, hash_of
from connectors.desk.tokens import Tokens
from twin.clock import NS_PER_S, ManualClock
from twin.errors import AccountError
from twin.policy import Right, Role, may

WORD = "a long enough word"
LATER = "another long enough word"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def desk(request, tmp_path):
    if request.param == "sqlite":
        made = Desk(f"sqlite:///{tmp_path}/twin.db", ManualClock(NS_PER_S))
        yield made
        made.close()
        return
    with request.getfixturevalue("new_database")() as url:
        made = Desk(url, ManualClock(NS_PER_S), tmp_path)
        yield made
        made.close()


def test_a_password_costs_who_guesses_it_what_the_field_asks_for(costs_in_life):
    assert costs_in_life.hash(WORD).startswith("$argon2id$")
    # OWASP's least: 19 MiB, two passes
    assert costs_in_life.memory_cost >= 19 * 1024
    assert costs_in_life.time_cost >= 2


def test_an_account_is_made_changed_and_removed(desk):
    accounts = Accounts(desk)
    assert not accounts.exist()
    made = accounts.add("terminal", "김반장", WORD, Role.OPERATOR, ["jeonju"])
    assert accounts.exist()
    assert (made.role, made.sites, made.locked) == (Role.OPERATOR, {"jeonju"}, False)
    assert accounts.check("김반장", WORD) == made
    assert accounts.check("김반장", WORD + "!") is None
    assert accounts.check("no-one", WORD) is None
    accounts.set_password("terminal", "김반장", LATER)
    assert accounts.check("김반장", WORD) is None
    assert accounts.check("김반장", LATER) is not None
    accounts.change("terminal", "김반장", role=Role.ENGINEER, locked=True)
    assert accounts.check("김반장", LATER) is None
    assert accounts.get("김반장").role is Role.ENGINEER
    accounts.remove("terminal", "김반장")
    assert not accounts.exist()
    assert accounts.check("김반장", LATER) is None
    again = accounts.add("terminal", "김반장", WORD, Role.VIEWER)
    assert (again.role, again.locked) == (Role.VIEWER, False)


@pytest.mark.parametrize(
    ("name", "password", "says"),
    [
        ("", WORD, "no name"), ("a b", WORD, "letters"), ("x" * 65, WORD, "no name"), ("a/b", WORD, "letters"),
        ("local", WORD, "another name"), ("Nobody", WORD, "another name"), ("kim", "short", "too short"),
        ("kim", "x" * 1001, "too long"), ("kim", "aaaaaaaaaaaa", "too easy"), ("kimkimkimkim", "KimKimKimKim", "too easy"),
    ],
)  # fmt: skip
def test_what_is_no_account_is_refused_with_a_reason(desk, name, password, says):
    with pytest.raises(AccountError, match=says):
        Accounts(desk).add("terminal", name, password, Role.VIEWER)
    assert not Accounts(desk).exist()


def test_the_file_is_for_its_owner_only(tmp_path):
    made = Desk(f"sqlite:///{tmp_path}/twin.db", ManualClock(1))
    made.note("kim", "act", "")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}, modes
    made.close()


def test_a_name_is_one_however_it_is_typed():
    assert checked_name("  e\u0301va ") == "\u00e9va"


def test_two_accounts_have_two_names(desk):
    accounts = Accounts(desk)
    accounts.add("terminal", "kim", WORD, Role.VIEWER)
    with pytest.raises(AccountError, match="already"):
        accounts.add("terminal", "kim", LATER, Role.ADMIN)
    with pytest.raises(AccountError, match="no account"):
        accounts.remove("terminal", "lee")


def test_a_session_begins_is_listed_and_ends(desk):
    account = Accounts(desk).add("terminal", "kim", WORD, Role.VIEWER)
    sessions = Sessions(desk)
    word = sessions.begin(account, 60, 3600, "10.0.0.7", "Firefox")
    (one,) = sessions.all("kim")
    assert (one.sha256, one.address, one.agent) == (hash_of(word), "10.0.0.7", "Firefox")
    desk._clock.advance(50)
    sessions.use([one.sha256])
    desk._clock.advance(50)
    assert sessions.all() != []
    desk._clock.advance(11)
    assert sessions.all() == [], "idle"
    words = [sessions.begin(account, 60, 3600) for _ in range(2)]
    assert len(set(words)) == 2
    assert sessions.revoke("terminal", sessions.all()[0].handle)
    assert len(sessions.all("kim")) == 1
    Accounts(desk).set_password("terminal", "kim", LATER)
    assert sessions.all("kim") == []
    with pytest.raises(AccountError, match="no session"):
        sessions.revoke("terminal", "kim")


def test_a_token_may_do_no_more_than_its_account(desk):
    accounts, tokens = Accounts(desk), Tokens(desk)
    kim = accounts.add("terminal", "kim", WORD, Role.OPERATOR, ["jeonju"])
    with pytest.raises(AccountError, match="may not configure"):
        tokens.add("terminal", kim, "x", [Right.CONFIGURE])
    with pytest.raises(AccountError, match="sees jeonju only"):
        tokens.add("terminal", kim, "x", sites=["changwon"])
    with pytest.raises(AccountError, match="label"):
        tokens.add("terminal", kim, " ")
    _, made = tokens.add("terminal", kim, "spc", [Right.ACKNOWLEDGE])
    asks = made.person(kim)
    assert may(asks, Right.SEE, "jeonju")
    assert may(asks, Right.ACKNOWLEDGE, "jeonju")
    assert not may(asks, Right.SHELVE, "jeonju"), "not among its own rights"
    assert not may(asks, Right.SEE, "changwon")
    lesser = accounts.change("terminal", "kim", role=Role.VIEWER)
    assert not may(made.person(lesser), Right.ACKNOWLEDGE, "jeonju")
    assert tokens.all() == [made]
    accounts.remove("terminal", "kim")
    assert tokens.all() == []
