"""Accepting a device on the page: proposal, change, and the file as it is written; and who may not."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import socket
import threading
import time
from importlib.resources import as_file, files

import httpx
import pytest
import uvicorn
from test_pages import browser, opened  # noqa: F401  a fixture

from connectors.desk import Desk
from connectors.factory_file import read_factory
from connectors.plugins import asset_types
from connectors.stores.memory import MemoryStore
from dashboards.app import create_app
from dashboards.cards import pending, tryout
from dashboards.live import LiveHub
from dashboards.page import Asked, Behind
from dashboards.reader import Reader
from twin.clock import NS_PER_S, ManualClock
from twin.config import WebConfig
from twin.ports import Commit, FindingCount, Folded, Newcomer
from twin.sample import Signal, batch_of, frame, stream_of

T0 = 1_795_400_000 * NS_PER_S
PUMP = "factory/yard/pump-9"


def store():
    """Two devices that nobody declared, and a rule that one of them broke."""
    made = MemoryStore()
    stream = stream_of(PUMP, "data", [Signal("temperature", unit="Cel"), Signal("humidity")], source="others")
    newcomers = (
        Newcomer("others", PUMP, T0, "yard/pump-9", stream.id, "temperature, humidity", publisher="10.0.0.7"),
        Newcomer("others", "factory/yard/mystery", T0 - 1, "yard/mystery", "", "foo"),
        Newcomer("others", "elsewhere/arm", T0 - 2, "x", "", "q"),
    )
    broken = FindingCount("others", PUMP, "order", 12, T0, T0, "7 came after 5", "yard/pump-9", b'{"a": 1}')
    batch = batch_of("w", 1, T0, [frame(stream, T0, 1, T0, (21.5, 0.4))])
    made.append(Commit(batch, newcomers=newcomers, findings=(broken,)), lambda _: Folded((), ()))
    return made


@pytest.fixture
def behind(tmp_path):
    file = tmp_path / "factory.toml"
    with as_file(files("dashboards") / "demo" / "new.toml") as template:
        shutil.copyfile(template, file)
    kept, clock = store(), ManualClock(T0 + NS_PER_S)
    factory = read_factory(file, {})
    reader, desk = Reader(lambda: kept, clock), Desk(f"sqlite:///{tmp_path}/twin.db", clock)
    return Behind(factory, LiveHub(factory.hub, asset_types(), reader, clock), reader, desk, clock, tmp_path, file)


@pytest.fixture
def url(behind):
    @contextlib.asynccontextmanager
    async def living():
        await behind.live.load()
        yield

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(create_app(behind, living), host="127.0.0.1", port=port, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the server does not start"
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.mark.browser
def test_a_device_is_accepted_with_a_name_and_a_place_after_a_look_at_the_change(browser, url, behind):  # noqa: F811
    before = behind.file.read_bytes()
    with opened(browser, f"{url}/connections/devices?lang=ko") as (page, wrong):
        page.wait_for_selector(".pg-pend-list button")
        assert page.locator(".pg-pend-list button").count() == 3
        page.locator(".pg-pend-list button", has_text="mystery").click()
        page.wait_for_selector(".pg-pend-facts dd:text-is('factory/yard/mystery')")
        page.locator(".pg-pend-list button", has_text="pump-9").click()
        page.wait_for_selector(f".pg-pend-facts dd:text-is('{PUMP}')")
        assert "10.0.0.7" in page.inner_text(".pg-pend-facts")
        page.fill("#pend-ko", "냉각수 펌프")
        page.fill("#pend-en", "Coolant pump")
        page.fill("#pend-x", "12.5")
        page.fill("#pend-yaw", "1.57")
        page.keyboard.press("Tab")
        page.click("#pend-preview")
        page.wait_for_selector(".pg-diff .is-new")
        shown = page.inner_text(".pg-diff")
        assert 'name = { ko = "냉각수 펌프", en = "Coolant pump" }' in shown
        assert "pose = { x_m = 12.5, y_m = 15.0, yaw_deg = 89.95 }" in shown
        assert behind.file.read_bytes() == before, "only a look"
        page.click("#pend-write")
        page.wait_for_selector(".pg-pend-done")
        assert not wrong
    asset = read_factory(behind.file, {}).hub.assets()[PUMP]
    assert (asset.type, asset.name.ko, asset.name.en) == ("environment", "냉각수 펌프", "Coolant pump")
    assert behind.file.with_name("factory.toml.bak").read_bytes() == before


@pytest.mark.browser
def test_all_that_have_a_type_and_a_site_are_accepted_at_once(browser, url, behind):  # noqa: F811
    with opened(browser, f"{url}/connections/devices?lang=en") as (page, wrong):
        page.click("#pend-all")
        page.wait_for_selector(".pg-diff .is-new")
        page.click("#pend-cancel")
        page.wait_for_selector("#pend-change", state="hidden")
        page.click("#pend-all")
        page.click("#pend-write")
        page.wait_for_selector(".pg-pend-done")
        assert not wrong
    declared = read_factory(behind.file, {}).hub.assets()
    assert PUMP in declared
    assert "factory/yard/mystery" not in declared, "nobody knows what it is"


@pytest.mark.browser
def test_conformance_tells_the_rule_how_often_and_the_last_example(browser, url):  # noqa: F811
    with opened(browser, f"{url}/connections/devices?lang=en") as (page, wrong):
        page.click(".pg-conf summary")
        told = page.inner_text(".pg-conf")
        assert all(word in told for word in (PUMP, "order", "×12", "7 came after 5", '{"a": 1}'))
        assert not wrong


@pytest.mark.browser
def test_a_mapping_is_tried_on_a_pasted_message_before_it_is_saved(browser, url):  # noqa: F811
    with opened(browser, f"{url}/connections/mapping?lang=en") as (page, wrong):
        page.fill("#try-options", 'topic = "{asset...}"\ntime = "when"\n')
        page.fill("#try-topic", "yard/pump-9")
        page.fill("#try-payload", '{"ts": 1795328000000, "temperature": 21.5}')
        page.click("#try-run")
        page.wait_for_selector("#try-result .pg-pend-warn")
        assert "no field 'when'" in page.inner_text("#try-result")
        page.fill("#try-options", 'topic = "{asset...}"\ntime = "ts"\n')
        page.click("#try-run")
        page.wait_for_selector("#try-result table")
        assert "21.5" in page.inner_text("#try-result table")
        assert not wrong


def test_a_page_of_another_origin_writes_nothing(url, behind):
    before = behind.file.read_bytes()
    answer = httpx.post(f"{url}/_dash-update-component", json={}, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403
    assert behind.file.read_bytes() == before


@pytest.mark.parametrize(
    ("web", "may"),
    [
        (WebConfig(), True),
        (WebConfig(may_edit="never"), False),
        (WebConfig(host="0.0.0.0", allow_remote_without_users=True), False),
        (WebConfig(host="0.0.0.0", allow_remote_without_users=True, may_edit="always"), True),
    ],
)
def test_only_pages_of_this_machine_write_unless_the_factory_file_says_otherwise(behind, web, may):
    there = dataclasses.replace(behind, factory=dataclasses.replace(behind.factory, web=web))
    asked = Asked(there, "en")
    found = pending.waiting(there)
    before = behind.file.read_bytes()
    _, wanted = pending._change(asked, [pending._acceptance(found[0])])
    pending._write(asked, wanted)
    assert (behind.file.read_bytes() != before) is may


def test_a_change_that_was_not_looked_at_is_not_written(behind):
    asked = Asked(behind, "en")
    _, wanted = pending._change(asked, [pending._acceptance(pending.waiting(behind)[0])])
    behind.file.write_text(behind.file.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    before = behind.file.read_bytes()
    pending._write(asked, wanted)
    assert behind.file.read_bytes() == before


@pytest.mark.parametrize("payload", [b"21.5", b"\x00\xff", b"base64:x", "섭씨".encode(), b"", b"a\r\nb"])
def test_a_payload_that_is_shown_is_the_same_when_it_is_tried(payload):
    assert tryout.meant(tryout.shown(payload)) == payload
