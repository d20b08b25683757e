"""The read calls of the web process, asked over ASGI."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
from importlib.resources import files

import httpx
import pytest

from connectors.desk import Desk
from connectors.packet import FULL, decode_packet
from connectors.plugins import asset_types
from connectors.stores.sql import open_history
from dashboards.app import create_app
from dashboards.bundles import FONT, FONT_FIRST
from dashboards.i18n import words
from dashboards.live import LiveHub
from dashboards.page import Behind
from dashboards.reader import Reader
from twin.clock import NS_PER_MS, NS_PER_S, ManualClock
from twin.errors import StoreUnavailable

POWER = "jeonju/weld/line1/R-105:power"
STATE = "jeonju/weld/line1/R-105:state"


class Web:
    """The application and a caller (mutable: it counts nothing, but the hub behind it lives)."""

    def __init__(self, recorded, open_it=None) -> None:
        self.clock = ManualClock(recorded.end_ns)
        self.reader = Reader(open_it or (lambda: open_history(recorded.url)), self.clock)
        self.hub = LiveHub(recorded.factory.hub, asset_types(), self.reader, self.clock)
        self.behind = Behind(
            recorded.factory, self.hub, self.reader, Desk(recorded.url, self.clock), self.clock, recorded.folder
        )
        self.app = create_app(self.behind, _nothing)

    async def ask(self, method: str, path: str, **how) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8050") as client:
            return await client.request(method, path, **how)

    def get(self, path: str, *, headers=None, method: str = "GET", **params) -> httpx.Response:
        return asyncio.run(self.ask(method, path, params=params or None, headers=headers))


@contextlib.asynccontextmanager
async def _nothing():
    yield


@pytest.fixture(scope="module")
def web(recorded):
    made = Web(recorded)
    asyncio.run(made.hub.load())
    yield made
    made.reader.close()


def test_sites_assets_and_signals_are_listed(web):
    assert [site["id"] for site in web.get("/api/v1/sites").json()["sites"]] == ["jeonju", "changwon"]
    assets = web.get("/api/v1/assets", site="changwon").json()["assets"]
    assert assets
    assert {asset["site"] for asset in assets} == {"changwon"}
    signals = web.get("/api/v1/signals", asset="jeonju/weld/line1/R-105").json()["signals"]
    assert POWER in {signal["id"] for signal in signals}
    assert next(one for one in signals if one["id"] == POWER)["unit"] == "W"


def test_latest_answers_as_of_a_moment(web, recorded):
    now = web.get("/api/v1/latest", signal=STATE).json()["latest"]
    assert len(now) == 1
    assert isinstance(now[0]["value"], str)
    then_ms = recorded.start_ns // NS_PER_MS + 100_000
    then = web.get("/api/v1/latest", signal=POWER, as_of=then_ms).json()
    assert then["latest"][0]["t_ms"] <= then_ms < now[0]["t_ms"]


def test_samples_are_given_raw_or_in_buckets(web, recorded):
    span = {"from": recorded.start_ns // NS_PER_MS, "to": recorded.end_ns // NS_PER_MS}
    raw = web.get("/api/v1/samples", signal=POWER, max_points=5000, **span).json()
    assert raw["raw"]
    assert len(raw["t_ms"]) > 200
    few = web.get("/api/v1/samples", signal=POWER, max_points=20, **span).json()
    assert not few["raw"]
    assert len(few["t_ms"]) <= 20
    assert min(few["min"]) == min(raw["min"])
    assert max(few["max"]) == max(raw["max"])


def test_times_may_be_iso_with_an_offset(web):
    answer = web.get(
        "/api/v1/samples", signal=POWER, **{"from": "2025-06-16T11:00:00+09:00", "to": "2025-06-16T12:00:00+09:00"}
    )
    assert answer.status_code == 200


def test_text_signals_are_given_as_changes(web):
    changes = web.get("/api/v1/samples", signal=STATE).json()["changes"]
    assert changes
    assert all(change["text"] for change in changes)


@pytest.mark.parametrize(
    ("path", "params", "status", "where"),
    [
        ("/api/v1/samples", {"signal": POWER, "from": "2025-06-16T11:00:00"}, 400, "from"),
        ("/api/v1/samples", {"signal": POWER, "from": "2000", "to": "1000"}, 400, "to"),
        ("/api/v1/samples", {"signal": POWER, "max_points": "0"}, 422, "max_points"),
        ("/api/v1/samples", {"signal": POWER, "max_points": "5001"}, 422, "max_points"),
        ("/api/v1/samples", {"signal": "jeonju/none:power"}, 404, "signal"),
        ("/api/v1/samples", {"signal": "power"}, 400, "signal"),
        ("/api/v1/samples", {}, 422, "signal"),
        ("/api/v1/latest", {"site": "busan"}, 404, "site"),
        ("/api/v1/events", {"asset": "jeonju/none"}, 404, "asset"),
        ("/api/v1/latest", {"as_of": "nan"}, 400, "as_of"),
        ("/view/lanes", {"from_ms": "0", "to_ms": "9000000000000"}, 400, "from"),
        ("/view/chunk", {"from_ms": "0", "to_ms": "3000000", "hz": "10"}, 400, "hz"),
        ("/view/trend", {"signal": POWER, "from_ms": "inf", "to_ms": "1"}, 400, "from_ms"),
        ("/view/state", {"site": "busan", "at_ms": "0"}, 404, "site"),
    ],
)
def test_a_wrong_question_is_told_what_where_and_what_to_do(web, path, params, status, where):
    answer = web.get(path, **params)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["where"] == where
    assert error["what"]
    assert error["do"]


def test_without_a_store_the_read_calls_say_so_and_health_names_it(recorded):
    def away():
        raise StoreUnavailable("there is no database")

    web = Web(recorded, away)
    answer = web.get("/api/v1/latest")
    assert answer.status_code == 503
    assert "no database" in answer.json()["error"]["what"]
    health = web.get("/healthz")
    assert health.status_code == 503
    assert health.json()["failing"] == ["broker", "store", "ingest"]
    assert web.get("/").status_code == 200, "the page itself comes all the same"


def test_health_is_well_when_broker_store_and_ingest_are(web):
    web.hub.connected = True
    answer = web.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert answer.json()["checks"]["ingest"]["lag_s"] >= 0
    web.hub.connected = False
    assert web.get("/healthz").json()["failing"] == ["broker"]


def test_metrics_tell_the_ledger(web, history):
    web.hub.by_source = history.by_source()
    text = web.get("/metrics").text
    assert 'factory_twin_messages_rejected_total{reason="json_syntax",source="jeonju-plant"} 1.0' in text
    assert "factory_twin_store_bytes" in text


# ---- the guard


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8050", "127.0.0.1.evil.example", ""])
def test_another_host_name_is_refused(web, host):
    assert web.get("/view/overview", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8050", "localhost:8050", "[::1]:8050"])
def test_loopback_names_are_admitted(web, host):
    assert web.get("/view/directory", headers={"host": host}).status_code == 200


def test_a_page_of_another_origin_may_not_post(web):
    assert web.get("/settings", method="POST", headers={"origin": "http://evil.example"}).status_code == 403
    assert web.get("/settings", method="POST", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert web.get("/settings", method="POST", headers={"origin": "http://127.0.0.1:8050"}).status_code == 204


def test_every_answer_carries_the_policy(web):
    for path in ("/", "/view/overview", "/nowhere/to/go", "/api/v1/none"):
        headers = web.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe-eval" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_language_and_theme_come_from_the_address_then_from_the_cookie(web):
    page = web.get("/", lang="en", theme="dark")
    assert '<html lang="en" data-theme="dark"' in page.text
    assert any(value.startswith("lang=en") for value in page.headers.get_list("set-cookie"))
    again = web.get("/", headers={"cookie": "lang=en; theme=dark"})
    assert '<html lang="en" data-theme="dark"' in again.text
    assert '<html lang="ko" data-theme="light"' in web.get("/", lang="xx").text


def test_the_first_page_asked_for_has_its_styles_wherever_it_lies(recorded):
    web = Web(recorded)

    async def started_then_asked() -> str:
        orders, told = asyncio.Queue(), asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        living = asyncio.create_task(web.app(scope, orders.get, told.put))
        await orders.put({"type": "lifespan.startup"})
        assert (await told.get())["type"] == "lifespan.startup.complete"
        page = await web.ask("GET", "/floor/jeonju")
        await orders.put({"type": "lifespan.shutdown"})
        await living
        return page.text

    page = asyncio.run(started_then_asked())
    styles = web.get(re.search(r'href="(/twin[.]css[^"]*)"', page)[1]).text
    script = web.get(re.search(r'src="(/twin[.]js[^"]*)"', page)[1]).text
    for path in (files("dashboards") / "assets").iterdir():
        if path.name.endswith((".css", ".js")):
            assert path.read_text("utf-8") in (styles if path.name.endswith("css") else script)
    assert "factory_twin" in script
    loaded = re.findall(r'src="([^"]+)"', page)
    assert len(loaded) < 8
    assert not [one for one in loaded if "polyfill" in one or "dash_table" in one]


def test_what_is_joined_is_sent_packed_to_those_who_take_it_so_and_kept_for_ever(web):
    plain = web.get("/scene.js", headers={"accept-encoding": "identity"})
    packed = web.get("/scene.js", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert "immutable" in plain.headers["cache-control"]


def test_the_layout_holds_the_page_that_asks_and_is_filled_later_where_that_is_not_known(web):
    def asked(referer: str) -> tuple[dict, dict]:
        frame = web.get("/_dash-layout", headers={"referer": referer} if referer else {}).json()
        parts = {one["props"].get("id"): one["props"] for one in frame["props"]["children"]}
        return parts["url"], parts["page"]

    for referer in ("", "http://["):
        address, page = asked(referer)
        assert "pathname" not in address
        assert page.get("children") is None
    address, page = asked("http://127.0.0.1:8050/floor/jeonju?at=2026-01-01T00:00:00Z")
    assert address["pathname"] == "/floor/jeonju"
    assert "TwinView" in str(page["children"])
    _, other = asked("http://127.0.0.1:8050/no-page")
    assert "TwinView" not in str(other["children"])
    assert other["children"]


def test_every_character_of_the_catalogues_is_in_a_piece_of_the_font(web):
    styles = web.get("/twin.css").text
    pieces = re.findall(r'url\("(/assets/fonts/[^"]+)"\)[^}]*unicode-range:([^}]*)', styles)
    spans = [span.removeprefix("U+").partition("-") for _, ranges in pieces for span in ranges.split(",")]
    has = {code for first, _, last in spans for code in range(int(first, 16), int(last or first, 16) + 1)}
    hangul = {char for text in words("ko").values() for char in text if "가" <= char <= "힣"}
    assert len(hangul) > 400
    assert {char for char in hangul if ord(char) not in has} == set()
    assert web.get(pieces[-1][0], method="HEAD").status_code == 200
    for piece in FONT_FIRST["ko"]:
        assert FONT.format(piece) in [path for path, _ in pieces]


def test_the_description_of_the_api_is_served_and_nothing_from_outside(web):
    described = web.get("/api/v1/openapi.json").json()
    alarms = ("alarms", "alarms/journal", "alarms/performance", "alarms/actions")
    recorded = ("recordings", "recordings/{name}", "recordings/{name}/rename", "bookmarks", "bookmarks/{mark_id}")
    episodes = ("episodes", *(f"episodes/{name}" for name in ("labels", "bulk", "undo", "agreement")))
    models = ("models", "models/{name}", "models/{name}/{version}/{file}")
    more = ("kpi", "stops", "fidelity", "compare", "hub", "datasets", *episodes, *models)
    read = ("sites", "assets", "signals", "latest", "samples", "events", "audit", *more)
    sessions = ("sessions", "sessions/{session_id}")
    assert set(described["paths"]) == {f"/api/v1/{name}" for name in (*read, *alarms, *recorded, *sessions)}
    version = described["components"]["schemas"]["VersionModel"]["properties"]
    assert {"state", "regime", "files", "report"} <= version.keys()
    (kind, _) = described["paths"]["/api/v1/models/{name}/{version}/{file}"]["get"]["responses"]["200"]["content"]
    assert kind == "application/octet-stream"
    assert "cdn" not in web.get("/api/v1/docs").text


# ---- the views


def test_the_overview_adds_up(web):
    for site in web.get("/view/overview").json()["sites"]:
        assert sum(row["total"] for row in site["by_type"].values()) == site["assets"]
        assert sum(site["states"].values()) <= site["assets"]
        assert site["connection"] == "ok"
        assert site["frames_per_s"] > 10
        assert site["power_w"] > 0
        assert site["good_per_h"] is not None


def test_connections_add_up_and_keep_the_dead_letter(web):
    told = web.get("/view/connections").json()
    ledger = told["ledger"]
    assert ledger["received"] == ledger["decoded"] + ledger["handled"] + ledger["rejected"]
    assert ledger["decoded_frames"] == ledger["stored"] + ledger["duplicate"] + ledger["key_conflict"]
    assert ledger["rejected"] == 1
    letter = told["dead_letters"][0]
    assert base64.b64decode(letter["payload_b64"]) == b'{"ts": '
    counted = [source for source in told["sources"] if source["gap"] is not None]
    uncounted = {source["source"].removeprefix("jeonju-").removeprefix("changwon-")
                 for source in told["sources"] if source["gap"] is None}  # fmt: skip
    of_the_hub = {"expect-jeonju", "expect-changwon"}
    assert uncounted == {"meters", "sensors", "others", *of_the_hub}, "these dialects have no sequence"
    assert {source["gap"] for source in counted} == {0}
    assert all(source["expected"] == source["distinct"] > 0 for source in counted)
    assert all(len(source["rate_history"]) == 60 for source in told["sources"])


def test_before_the_dead_letter_came_nothing_tells_of_it(web, recorded):
    then = web.get("/view/connections", as_of_ms=recorded.start_ns / NS_PER_MS + 30_000).json()
    assert then["dead_letters"] == []
    assert not then["ledger"]["rejected"]
    assert 0 < then["ledger"]["received"] < web.get("/view/connections").json()["ledger"]["received"]
    assert then["store"]["frames"] is None
    assert then["ledger"]["decoded_frames"] is None, "what became of the frames then is not known"


def test_a_chunk_replays_what_the_history_holds(web, history, recorded):
    start_ns = recorded.end_ns - 6 * NS_PER_S
    end_ns = recorded.end_ns - 1 * NS_PER_S
    body = web.get("/view/chunk", site="jeonju", from_ms=start_ns / NS_PER_MS, to_ms=end_ns / NS_PER_MS, hz=10).content
    streams, shown, count, at = history.streams(), {}, int.from_bytes(body[:4], "little"), 8
    kinds = []
    for _ in range(count):
        size = int.from_bytes(body[at : at + 4], "little")
        kind, clock_ns, entries = decode_packet(body[at + 8 : at + 8 + size], streams)
        at += 8 + size
        kinds.append(kind)
        shown |= {latest.stream.id: latest for _, latest in entries}
        assert all(latest.t_ns <= clock_ns for _, latest in entries)
    assert at == len(body)
    assert kinds[0] == FULL
    assert len(kinds) == 51
    expected = {name: one for name, one in history.as_of(end_ns).items() if name.startswith("jeonju/")}
    assert shown.keys() == expected.keys()
    assert all(shown[name].t_ns == one.t_ns for name, one in expected.items())


def test_the_state_packet_is_the_state_as_of(web, history, recorded):
    at_ns = recorded.end_ns - 3 * NS_PER_S
    body = web.get("/view/state", site="changwon", at_ms=at_ns / NS_PER_MS).content
    kind, clock_ns, entries = decode_packet(body, history.streams())
    expected = {name: one for name, one in history.as_of(at_ns).items() if name.startswith("changwon/")}
    assert (kind, clock_ns) == (FULL, at_ns)
    assert {latest.stream.id: latest.t_ns for _, latest in entries} == {
        name: one.t_ns for name, one in expected.items()
    }
