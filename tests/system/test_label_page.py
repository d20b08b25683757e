"""The labelling page in a browser: the episodes of a real robot, labelled by keys and by mouse."""

from __future__ import annotations

import types

import pytest
from test_episodes_ur3 import EPISODES, run, ur3  # noqa: F401  a fixture
from test_pages import Server, browser, opened, until  # noqa: F401  a fixture

from connectors.desk import labelling
from connectors.factory_file import read_factory
from connectors.stores.sql import open_history
from twin.clock import NS_PER_S

pytestmark = pytest.mark.browser
ON = "document.querySelector('.lb-list li.on')"


@pytest.fixture(scope="module")
def server(ur3):  # noqa: F811
    file, url = ur3
    run("cut", "--url", url, "--factory", str(file))
    history = open_history(url)
    end_ns = max(one.last_ns for one in history.by_stream().values()) + 60 * NS_PER_S
    history.close()
    made = Server(types.SimpleNamespace(factory=read_factory(file, {}), url=url, end_ns=end_ns, folder=file.parent))
    made.start()
    yield made
    made.stop()


def ids(page):
    return page.evaluate("[...document.querySelectorAll('.lb-list li')].map((one) => one.dataset.id)")


def on(page):
    return page.evaluate(f"{ON}?.dataset.id")


def ready(page):
    until(
        page,
        f"{ON} && document.querySelectorAll('.lb-pens .chip').length > 5 && !document.querySelector('.lb-outcomes .btn').disabled",
    )


@pytest.mark.slow
def test_episodes_of_a_real_robot_are_labelled_by_keys(server, browser):  # noqa: F811
    desk = server.desk
    with opened(browser, f"{server.url}/label?lang=en", 1920, 1080) as (page, wrong):
        ready(page)
        rows = ids(page)
        assert len(rows) == EPISODES
        assert f"0 of {EPISODES}" in page.inner_text(".lb-progress")
        assert on(page) == rows[0]
        page.keyboard.press("j")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("k")
        until(page, f"{ON}.dataset.id === {rows[1]!r}")
        # Y: the suggestion of the rules becomes the person's word, and the next one is there
        suggested = labelling.find(desk, rows[1]).suggested
        page.keyboard.press("y")
        until(page, f"{ON}.dataset.id === {rows[2]!r}")
        told = labelling.find(desk, rows[1])
        assert told.outcomes == {"local": suggested["outcome"]}
        assert told.episode.cause == suggested.get("cause", "")
        # N, then the number of a cause
        page.keyboard.press("n")
        until(page, "document.querySelector('.lb-causes.is-asked button')")
        page.keyboard.press("2")
        until(page, f"{ON}.dataset.id === {rows[3]!r}")
        told = labelling.find(desk, rows[2])
        assert (told.outcomes, bool(told.episode.cause)) == ({"local": "failure"}, True)
        # S at the begin and further on: a sub-task between two moments of the playhead
        ready(page)
        page.keyboard.press("s")
        page.evaluate("factoryTwin.clock.seek(factoryTwin.clock.loop[0] + 3000)")
        page.keyboard.press("s")
        until(page, "document.activeElement === document.querySelector('.lb-part input')")
        page.keyboard.type("approach")
        page.keyboard.press("Enter")
        until(page, "document.querySelector('.lb-parts b')?.textContent === 'approach'")
        part = next(one for one in labelling.find(desk, rows[3]).labels if one.channel == "subtask")
        assert (part.label, part.to_ns - part.from_ns) == ("approach", pytest.approx(3e9, abs=1.1e9))
        # Space plays, within the episode
        page.keyboard.press("Space")
        until(page, "factoryTwin.clock.playing")
        page.keyboard.press("Space")
        until(page, "!factoryTwin.clock.playing")
        # U takes back act by act
        page.keyboard.press("u")
        until(page, "!document.querySelector('.lb-parts b')")
        page.keyboard.press("u")
        until(page, f"document.querySelector('.lb-progress').textContent.includes('1 of {EPISODES}')")
        assert labelling.find(desk, rows[2]).outcomes == {}
        assert not wrong


def test_a_cause_that_was_asked_for_stays_asked_for_when_the_episode_s_labels_come(server, browser):  # noqa: F811
    with opened(browser, f"{server.url}/label?lang=en", 1024, 768) as (page, wrong):
        ready(page)
        first, held = on(page), []
        page.route("**/view/episodes/labels?*", lambda route: held.append(route))  # noqa: PLW0108  a bound method of a list is no handler
        page.keyboard.press("j")
        until(page, f"{ON}.dataset.id !== {first!r}")
        page.keyboard.press("n")
        until(page, "document.querySelector('.lb-causes.is-asked button')")
        with page.expect_response("**/view/episodes/labels?*"):
            for route in held:
                route.continue_()
        page.wait_for_timeout(300)
        assert page.evaluate("Boolean(document.querySelector('.lb-causes.is-asked button'))")
        page.keyboard.press("j")
        until(page, "!document.querySelector('.lb-causes.is-asked')")
        assert not wrong


def test_everything_can_be_done_by_mouse_in_korean(server, browser):  # noqa: F811
    with opened(browser, f"{server.url}/label?lang=ko&theme=dark", 1024, 768) as (page, wrong):
        ready(page)
        first = on(page)
        page.click(".lb-outcomes [data-outcome=success]")
        until(page, f"{ON}.dataset.id !== {first!r}")
        assert labelling.find(server.desk, first).outcomes == {"local": "success"}
        page.click("[data-filter=failure]")
        assert len(ids(page)) < EPISODES
        ready(page)
        box = page.locator(".lb-plot").bounding_box()
        page.mouse.move(box["x"] + 250, box["y"] + 90)
        page.mouse.down()
        page.mouse.move(box["x"] + 400, box["y"] + 90, steps=4)
        page.mouse.up()
        until(page, "!document.querySelector('.lb-part').hidden")
        page.select_option(".lb-part select", "intervened")
        page.click(".lb-part > .btn")
        until(page, "document.querySelector('.lb-parts b')?.textContent === '사람 개입'")
        assert not wrong


def test_a_looped_span_becomes_an_episode_in_one_click(server, browser):  # noqa: F811
    one = labelling.listed(server.desk)[5].episode
    with opened(browser, f"{server.url}/asset/{one.asset}?lang=en", 1920, 1080) as (page, wrong):
        until(page, "document.querySelector('.ft-timebar')")
        from_ms, to_ms = one.start_ns // 1_000_000, one.start_ns // 1_000_000 + 4000
        page.evaluate(f"factoryTwin.clock.seek({from_ms}); factoryTwin.clock.setLoop({from_ms}, {to_ms})")
        page.click("text=Make an episode")
        until(page, f"{ON}")
        assert on(page) == f"{one.asset}@{from_ms * 1_000_000}-{to_ms * 1_000_000}"
        assert not wrong
