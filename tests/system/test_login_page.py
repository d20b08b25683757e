"""Coming in and going out in a real browser: by keyboard, in both languages, and out of an open page."""

from __future__ import annotations

import contextlib

import pytest
from access_world import PASSWORD
from test_pages import Server, browser, until  # noqa: F401  a fixture

from connectors.desk import Desk
from connectors.desk.accounts import Accounts
from connectors.desk.sessions import Sessions
from twin.policy import Role

pytestmark = pytest.mark.browser


@pytest.fixture
def guarded(recorded, tmp_path):
    """A server with one account, operator of one site; its address and its desk."""
    server = Server(recorded, tmp_path)
    Accounts(server.desk).add("terminal", "olaf", PASSWORD, Role.OPERATOR, ["jeonju"])
    server.start()
    yield server
    server.stop()
    server.desk.close()


@contextlib.contextmanager
def page_of(browser, size=(1920, 1080)):  # noqa: F811
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page, wrong = context.new_page(), []
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    yield page, wrong
    context.close()


def test_in_by_keyboard_and_out_by_the_box(browser, guarded):  # noqa: F811
    with page_of(browser) as (page, wrong):
        page.goto(f"{guarded.url}/floor/jeonju?lang=ko", wait_until="domcontentloaded")
        page.wait_for_url("**/login?next=**")
        page.wait_for_load_state()
        assert page.title() == "로그인 · Factory Twin"
        page.wait_for_selector("[name=name]:focus")
        page.keyboard.type("olaf")
        page.keyboard.press("Tab")
        page.keyboard.type("not the word")
        page.keyboard.press("Enter")
        page.wait_for_selector("#problem:not([hidden])")
        assert "맞지 않습니다" in page.inner_text("#problem")
        page.wait_for_load_state()
        wrong.clear()  # the browser says of the 401 that it is one
        page.wait_for_selector("[name=password]:focus")
        page.keyboard.type(PASSWORD)  # the name is still there, the word has the focus
        page.keyboard.press("Enter")
        page.wait_for_url("**/floor/jeonju?lang=ko")
        page.wait_for_selector(".ft-twin canvas")
        assert "창원" not in page.inner_text("#page"), "another site's name"
        page.focus("#account summary")
        page.keyboard.press("Enter")
        box = page.inner_text(".pg-account-box")
        assert "운전원" in box
        assert "전주" in box
        page.keyboard.press("Escape")
        assert not page.is_visible(".pg-account-box")
        page.click("#account summary")
        page.click(".pg-account-box button")
        page.wait_for_url("**/login")
        page.goto(f"{guarded.url}/", wait_until="domcontentloaded")
        page.wait_for_url("**/login?next=**")
        assert not wrong
    with guarded.desk.reading() as connection:
        acts = [row[0] for row in connection.exec_driver_sql("SELECT act FROM desk_audit ORDER BY n")]
    assert acts == ["user.add", "login.failed", "login", "logout"]


def test_an_open_page_leads_to_the_login_when_its_session_is_ended(browser, guarded):  # noqa: F811
    with page_of(browser, (1024, 768)) as (page, _):
        page.goto(f"{guarded.url}/login?lang=en&theme=dark&next=/connections", wait_until="domcontentloaded")
        page.fill("[name=name]", "olaf")
        page.fill("[name=password]", PASSWORD)
        page.click("button.main-btn")
        page.wait_for_url("**/connections")
        until(page, "window.factoryTwin?.live.packets > 0")
        Sessions(Desk(guarded.desk_url, guarded.clock)).revoke("terminal", "olaf")
        page.wait_for_url("**/login?next=%2Fconnections")
        assert page.get_attribute("html", "data-theme") == "dark"
        assert page.inner_text("button.main-btn") == "Log in"


ASK_ANYWAY = """() => fetch("/_dash-update-component", {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({
        output: "..try-heard.options...try-heard-note.children..",
        outputs: [{ id: "try-heard", property: "options" }, { id: "try-heard-note", property: "children" }],
        inputs: [{ id: "try-listen", property: "n_clicks", value: 1 }],
        state: [{ id: "try-topic", property: "value", value: "#" }],
        changedPropIds: ["try-listen.n_clicks"],
    }) }).then((answer) => answer.status)"""
"""What Dash sends for a click, and by the page's own fetch."""


@pytest.mark.parametrize(
    ("lang", "said"), [("ko", "이 역할로는 여기에서 할 수 없습니다."), ("en", "Your role may not do this here.")]
)
def test_who_clicks_what_the_role_may_not_is_told_so(browser, guarded, lang, said):  # noqa: F811
    with page_of(browser, (1024, 768)) as (page, _):
        page.goto(f"{guarded.url}/login?lang={lang}&next=/connections/mapping", wait_until="domcontentloaded")
        page.fill("[name=name]", "olaf")
        page.fill("[name=password]", PASSWORD)
        page.click("button.main-btn")
        page.wait_for_selector("#try-listen:disabled")
        page.evaluate(ASK_ANYWAY)  # the button is off; a right may also have gone since the page was drawn
        page.wait_for_selector("#refused")
        assert page.inner_text("#refused") == said
        assert page.get_attribute("#refused", "role") == "alert"
