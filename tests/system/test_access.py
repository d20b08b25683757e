"""Coming in and going out: the login, sessions, tokens, and what is refused; asked over ASGI."""

from __future__ import annotations

import asyncio
import json
import re

import dash
import pytest
from access_world import FORM, PASSWORD, World

from dashboards.access.login import local
from twin.clock import NS_PER_S
from twin.config import WebConfig
from twin.policy import Right, Role


@pytest.fixture
def world(recorded, tmp_path):
    made = World(recorded, tmp_path)
    asyncio.run(made.hub.load())
    yield made
    made.reader.close()
    made.desk.close()


def forget(world):
    """What another process wrote is seen at once (it would be within a second)."""
    world.app._gate.forget()


def test_without_accounts_the_pages_are_this_machines(recorded, tmp_path):
    world = World(recorded, tmp_path, people={})
    assert world.get("/api/v1/sites").status_code == 200
    assert not (tmp_path / "twin-desk.db").exists(), "asking makes no desk"
    assert world.get("/login").headers["location"] == "/"


def test_open_to_others_without_accounts_lets_nobody_in(recorded, tmp_path):
    world = World(recorded, tmp_path, people={}, web=WebConfig(host="0.0.0.0"))
    assert world.get("/api/v1/sites").status_code == 401
    assert "twin users add" in world.get("/login").text
    assert world.get("/healthz").status_code in (200, 503)


def test_a_page_leads_to_the_login_and_back(world):
    asked = world.send("GET", "/asset/jeonju/weld/line1/R-105?lang=en", headers={"accept": "text/html"})
    assert asked.status_code == 303
    assert asked.headers["location"] == "/login?next=%2Fasset%2Fjeonju%2Fweld%2Fline1%2FR-105%3Flang%3Den"
    page = world.get(asked.headers["location"])
    (target,) = re.findall(r'name="next" value="([^"]*)"', page.text)
    answer = world.log_in("vera", target=target)
    assert (answer.status_code, answer.headers["location"]) == (303, target)


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "", "/login", "/a\nb", "/login?next=/"],
)
def test_no_other_server_is_gone_to_after_the_login(target):
    assert local(target) == "/"


def test_nobody_is_told_anything_but_that_it_lives(world):
    for path in (
        "/api/v1/latest",
        "/view/overview",
        "/metrics",
        "/_dash-layout",
        "/_dash-dependencies",
        "/view/mirror",
    ):
        answer = world.get(path)
        assert answer.status_code == 401, path
        assert answer.json()["error"]["do"] == "log in at /login"
    health = world.get("/healthz")
    assert all(check == {"ok": check["ok"]} for check in health.json()["checks"].values())


def test_the_cookie_is_for_the_server_alone(world):
    plain = world.log_in("vera").headers["set-cookie"]
    assert re.fullmatch(r"twin_session=[\w-]{43}; Path=/; HttpOnly; SameSite=Lax", plain)


def test_over_https_the_cookie_is_secure(recorded, tmp_path):
    world = World(recorded, tmp_path, web=WebConfig(secure_cookies=True))
    kept = world.log_in("vera").headers["set-cookie"]
    assert kept.startswith("__Host-twin_session=")
    assert kept.endswith("; Secure")
    word = kept.partition("=")[2].partition(";")[0]
    asked = {"cookie": f"twin_session={word}"}
    assert world.send("GET", "/api/v1/sites", headers=asked).status_code == 401, "not by the other name"
    asked = {"cookie": f"__Host-twin_session={word}"}
    assert world.send("GET", "/api/v1/sites", headers=asked).status_code == 200


def test_the_desk_has_no_word_that_opens(world):
    word = world.cookie("vera")["twin_session"]
    opened, _ = world.tokens.add("terminal", world.accounts.get("vera"), "spc")
    files = list(world.desk.heads.parent.glob("twin-desk*"))
    assert len(files) >= 2
    kept = b"".join(path.read_bytes() for path in files)
    for secret in (word, opened, PASSWORD):
        assert secret.encode() not in kept


def test_a_login_ends_the_session_that_the_browser_had(world):
    first = world.cookie("vera")
    second = dict(world.log_in("vera", cookies=first).cookies)
    assert first != second
    asks = [asyncio.run(world.ask("GET", "/api/v1/sites", cookies=one)).status_code for one in (first, second)]
    assert asks == [401, 200]


def test_logging_out_ends_it(world):
    world.cookie("vera")
    out = world.send("POST", "/logout", "vera", headers=FORM)
    assert (out.status_code, out.headers["location"]) == (303, "/login")
    assert "Max-Age=0" in out.headers["set-cookie"]
    assert world.get("/api/v1/sites", "vera").status_code == 401
    assert world.acts()[-1] == ("vera", "logout", "vera")


def test_a_session_ends_when_it_is_idle_or_its_time_is_up(world):
    world.cookie("vera")
    world.clock.advance(59 * 60)
    assert world.get("/api/v1/sites", "vera").status_code == 200
    forget(world)
    world.clock.advance(59 * 60)
    assert world.get("/api/v1/sites", "vera").status_code == 200, "it was used meanwhile"
    world.clock.advance(61 * 60)
    forget(world)
    assert world.get("/api/v1/sites", "vera").status_code == 401, "idle"
    world.cookie("olaf")
    for _ in range(13):
        last = world.get("/api/v1/sites", "olaf").status_code
        forget(world)
        world.clock.advance(55 * 60)
    assert last == 200
    world.clock.advance(10 * 60)
    assert world.get("/api/v1/sites", "olaf").status_code == 401, "its time is up"


@pytest.mark.parametrize("what", ["remove", "lock", "password", "role", "revoke"])
def test_what_is_done_to_an_account_ends_its_sessions(world, what):
    assert world.get("/api/v1/sites", "vera").status_code == 200
    {
        "remove": lambda: world.accounts.remove("terminal", "vera"),
        "lock": lambda: world.accounts.change("terminal", "vera", locked=True),
        "password": lambda: world.accounts.set_password("terminal", "vera", "another long word"),
        "role": lambda: world.accounts.change("terminal", "vera", role=Role.ADMIN),
        "revoke": lambda: world.app._gate.sessions.revoke("terminal", "vera"),
    }[what]()
    forget(world)
    assert world.get("/api/v1/sites", "vera").status_code == 401


def test_wrong_names_and_wrong_passwords_look_alike(world):
    wrong = [world.log_in("vera", "no such word at all"), world.log_in("nobody-here", PASSWORD)]
    bodies = [re.sub(r'value="(vera|nobody-here)"', "", one.text) for one in wrong]
    assert [one.status_code for one in wrong] == [401, 401]
    assert bodies[0] == bodies[1]
    world.accounts.change("terminal", "vera", locked=True)
    assert world.log_in("vera").status_code == 401
    failed = [one for one in world.acts() if one[1] == "login.failed"]
    assert [one[2] for one in failed] == ["vera", "nobody-here", "vera"]


def test_after_a_few_failures_one_waits_longer_each_time(world):
    assert [world.log_in("vera", "wrong word here").status_code for _ in range(5)] == [401] * 5
    answer = world.log_in("vera")
    assert answer.status_code == 429, "the right word too"
    assert answer.headers["retry-after"] == "1"
    world.clock.advance(1.1)
    assert world.log_in("vera", "wrong word here").status_code == 401
    assert world.log_in("vera").headers["retry-after"] == "2"
    world.clock.advance(2.1)
    assert world.log_in("vera").status_code == 303
    assert world.log_in("vera", "wrong word here").status_code == 401, "and begins anew"


def test_many_at_once_gain_nothing(world):
    async def rush():
        fields = {"name": "olaf", "password": "wrong word here"}
        return await asyncio.gather(*(world.ask("POST", "/login", data=fields) for _ in range(12)))

    codes = [one.status_code for one in asyncio.run(rush())]
    assert codes.count(401) == 5
    assert codes.count(429) == 7


def test_an_address_waits_too(world):
    for i in range(20):
        world.log_in(f"guess-{i}", "wrong word here")
    assert world.log_in("vera").status_code == 429


def test_a_token_opens_the_api_and_no_more(world):
    word, token = world.tokens.add("terminal", world.accounts.get("ada"), "spc", sites=["changwon"])
    forget(world)
    asked = {"authorization": f"Bearer {word}"}
    sites = world.send("GET", "/api/v1/sites", headers=asked)
    assert [one["id"] for one in sites.json()["sites"]] == ["changwon"]
    for path in ("/", "/_dash-layout", "/view/overview", "/api/v1/audit", "/metrics"):
        assert world.send("GET", path, headers={**asked, "accept": "text/html"}).status_code == 403, path
    assert world.send("GET", "/api/v1/sites", headers={"authorization": f"Bearer {word}x"}).status_code == 401
    forget(world)
    world.send("GET", "/api/v1/sites", headers=asked)
    assert world.tokens.all()[0].used_ns == world.clock.now_ns()
    world.tokens.remove("terminal", token.id)
    forget(world)
    assert world.send("GET", "/api/v1/sites", headers=asked).status_code == 401


def test_a_token_ends_with_its_time_and_with_its_owner(world):
    soon, _ = world.tokens.add("t", world.accounts.get("all"), "soon", ends_ns=world.clock.now_ns() + 60 * NS_PER_S)
    long, _ = world.tokens.add("t", world.accounts.get("all"), "long")
    forget(world)

    def codes():
        return [
            world.send("GET", "/api/v1/sites", headers={"authorization": f"Bearer {word}"}).status_code
            for word in (soon, long)
        ]

    assert codes() == [200, 200]
    world.clock.advance(61)
    assert codes() == [401, 200]
    world.accounts.change("t", "all", locked=True)
    forget(world)
    assert codes() == [401, 401]


def test_who_belongs_to_no_site_that_is_here_is_told_so(world):
    world.cookie("vera")
    world.accounts.change("terminal", "vera", sites=["busan"])
    world.cookies.pop("vera")
    refused = world.get("/api/v1/sites", "vera")
    assert refused.status_code == 403
    assert "busan, which is not here" in refused.text


def test_a_callback_is_refused_to_whom_it_is_not_for(world):
    output = next(key for key in dash.get_app().callback_map if key.startswith("..try-heard.options"))
    body = {
        "outputs": [{"id": "try-heard", "property": "options"}, {"id": "try-heard-note", "property": "children"}],
        "inputs": [{"id": "try-listen", "property": "n_clicks", "value": 1}],
        "state": [{"id": "try-topic", "property": "value", "value": "#"}],
        "changedPropIds": ["try-listen.n_clicks"],
    }
    for who in ("olaf", "vera", "eva"):
        refused = world.callback(output, who, **body)
        assert refused.status_code == 403, who
        assert "may not configure" in refused.text


def test_the_audit_trail_is_for_administrators_and_tells_of_its_own_export(world):
    word, _ = world.tokens.add("terminal", world.accounts.get("ada"), "watch", rights=[Right.ADMINISTER, Right.EXPORT])
    forget(world)
    by_token = world.send("GET", "/api/v1/audit", headers={"authorization": f"Bearer {word}"})
    assert json.loads(by_token.text.splitlines()[-1])["who"].startswith("ada/")
    assert world.get("/api/v1/audit", "all").status_code == 403
    assert world.get("/api/v1/audit", "eva").status_code == 403
    answer = world.get("/api/v1/audit", "ada")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert "attachment" in answer.headers["content-disposition"]
    assert rows[-1]["act"] == "export"
    assert {"user.add", "login", "token.add"} <= {row["act"] for row in rows}


def test_what_changes_something_comes_as_json_or_a_form_and_from_here(world):
    body = b'{"output": "x"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        sent = {"content-type": kind} if kind else {}
        asked = world.send("POST", "/_dash-update-component", "ada", content=body, headers=sent)
        assert asked.status_code == 415, kind
    sent = {"content-type": "application/json", "origin": "http://evil.example"}
    assert world.send("POST", "/_dash-update-component", "ada", content=body, headers=sent).status_code == 403
    for path in ("/login", "/logout", "/settings"):
        assert (
            world.send("POST", path, "ada", content=b"{}", headers={"content-type": "application/json"}).status_code
            == 415
        )
        sent = {**FORM, "origin": "http://evil.example"}
        assert world.send("POST", path, "ada", content=b"a=b", headers=sent).status_code == 403
    assert world.send("POST", "/login", content=b"x" * 2_000_000, headers=FORM).status_code == 413


def test_while_the_desk_cannot_be_read_nobody_who_is_not_known_comes_in(world, monkeypatch):
    from twin.errors import StoreUnavailable

    world.cookie("vera")
    assert world.get("/api/v1/sites", "vera").status_code == 200

    def away(*_):
        raise StoreUnavailable("gone")

    monkeypatch.setattr(world.desk, "reading", away)
    forget(world)
    assert world.get("/api/v1/sites", "vera").status_code == 200, "what was known holds on"
    assert world.get("/api/v1/sites").status_code == 401
    world.app._gate._known = None
    assert world.get("/api/v1/sites", "vera").status_code == 503, "nothing is known"
    assert world.get("/healthz").status_code in (200, 503)
