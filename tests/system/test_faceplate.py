"""What people write about an asset: remarks, documents, upkeeps; on both databases, over HTTP and in a browser."""

from __future__ import annotations

import hashlib
import struct
import zlib

import pytest
from access_world import World
from test_kpi_store import ASSET, START, keep, meter_frames, shift_frames, small_factory
from test_pages import Server, browser, opened, until  # noqa: F401  a fixture

from connectors.desk import Desk, papers, remarks, upkeep
from connectors.figures import Figures
from connectors.figures.meter import Meter, metered
from connectors.stores.memory import MemoryStore
from twin.clock import NS_PER_S, ManualClock
from twin.errors import DrawingError, StoreRejected
from twin.upkeep import DAY_NS, Counts

ARM, OTHER = "jeonju/weld/line1/R-105", "changwon/machining/line1/MT-01"
PIXELS = bytes.fromhex(  # the smallest baseline picture there is: one grey pixel
    "ffdb004300" + "01" * 64 + "ffc0000b080001000101011100ffc40014000100000000000000000000000000000009"
    "ffc40014100100000000000000000000000000000000ffda0008010100003f0054ffd9"
)


def jpeg(*beside: bytes, behind: bytes = b"") -> bytes:
    segments = b"".join(bytes((0xFF, 0xE1)) + struct.pack(">H", len(one) + 2) + one for one in beside)
    return b"\xff\xd8" + segments + PIXELS + behind


def png() -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\x00\x10\x20" * 2)
    where = chunk(b"tEXt", b"GPS\x0035.8 N")
    return papers.PNG + chunk(b"IHDR", head) + where + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def desk(request, tmp_path):
    if request.param == "sqlite":
        made = Desk(f"sqlite:///{tmp_path}/twin.db", ManualClock(7))
        yield made
        made.close()
        return
    with request.getfixturevalue("new_database")() as url:
        made = Desk(url, ManualClock(7))
        yield made
        made.close()


# ---- the desk


def test_remarks_are_read_as_they_stood(desk):
    remarks.say(desk, "kim", ARM, "  축 2에서 소음  ")
    desk._clock.set(20)
    remarks.say(desk, "lee", ARM, "그리스 주입")
    remarks.say(desk, "lee", OTHER, "x")
    assert [(one.text, one.who, one.at_ns) for one in remarks.remarks(desk, ARM)] == [
        ("그리스 주입", "lee", 20),
        ("축 2에서 소음", "kim", 7),
    ]
    assert [one.text for one in remarks.remarks(desk, ARM, 19)] == ["축 2에서 소음"]
    for text in ("  ", "x" * 2001):
        with pytest.raises(StoreRejected):
            remarks.say(desk, "kim", ARM, text)


def test_of_a_photo_only_the_picture_is_kept(desk):
    kept = papers.add(desk, "kim", ARM, "a/b\\c  d.jpg", jpeg(b"Exif\x00\x00GPS 35.8 N", behind=b"hidden"))
    assert (kept.kind, kept.name) == ("jpeg", "a-b-c d.jpg")
    body = papers.body_of(desk, kept)
    assert body == jpeg()
    assert kept.sha256 == hashlib.sha256(body).hexdigest()
    drawn = papers.add(desk, "kim", ARM, "x.png", png())
    assert b"GPS" not in papers.body_of(desk, drawn)
    manual = papers.add(desk, "kim", ARM, "설명서.pdf", b"%PDF-1.7\n...\n%%EOF\n")
    assert [one.n for one in papers.papers(desk, ARM)] == [manual.n, drawn.n, kept.n]


@pytest.mark.parametrize(
    "body",
    [b"", b"<svg/>", b"<html><script>alert(1)</script>", b"%PDF-1.7 cut", b"\xff\xd8", jpeg()[:40], b"\xff\xd8\xff\xd9",
     jpeg().replace(b"\xff\xd9", b""), b"\xff\xd8\xff\xe1\x00\x01", papers.PNG, b"x" * 10_000_001],
)  # fmt: skip
def test_what_is_no_document_is_refused(body):
    with pytest.raises(DrawingError):
        papers.kept_body(body)


def test_a_document_is_on_the_list_from_when_it_came_until_it_was_taken_away(desk, monkeypatch):
    kept = papers.add(desk, "kim", ARM, "a.jpg", jpeg())
    desk._clock.set(30)
    assert papers.take_away(desk, "lee", kept.n).gone_by == "lee"
    with pytest.raises(StoreRejected, match="no document"):
        papers.take_away(desk, "lee", kept.n)
    assert papers.papers(desk, ARM) == []
    assert papers.papers(desk, ARM, 29) == [kept]
    assert papers.papers(desk, ARM, 6) == papers.papers(desk, ARM, 30) == []
    monkeypatch.setattr(papers, "MAX_OF_ASSET", 1)
    papers.add(desk, "kim", ARM, "a.jpg", jpeg())
    with pytest.raises(StoreRejected, match="at most"):
        papers.add(desk, "kim", ARM, "b.jpg", jpeg())


def test_upkeep_begins_anew_each_time_it_is_done(desk):
    made = upkeep.need(desk, "eva", ARM, "2축 그리스", Counts.HOURS_RUN, 500.0)
    assert upkeep.upkeeps(desk, ARM) == [(made, None)]
    desk._clock.set(50)
    done = upkeep.do(desk, "kim", made.n, "SK-1A")
    assert upkeep.upkeeps(desk, ARM) == [(made, done)]
    assert upkeep.upkeeps(desk, ARM, 49) == [(made, None)]
    assert upkeep.upkeeps(desk, ARM, 6) == []
    upkeep.end(desk, "eva", made.n)
    assert upkeep.upkeeps(desk, ARM) == []
    for act in (lambda: upkeep.end(desk, "eva", made.n), lambda: upkeep.do(desk, "kim", made.n)):
        with pytest.raises(StoreRejected, match="no upkeep"):
            act()
    for name, every in (("", 1.0), ("x", 0.0), ("x", float("nan")), ("x", float("inf")), ("x" * 121, 1.0)):
        with pytest.raises(StoreRejected):
            upkeep.need(desk, "eva", ARM, name, Counts.DAYS, every)


# ---- the counters


def test_the_meter_counts_production_and_parts_and_keeps_the_days_that_are_over(desk, tmp_path):
    store = MemoryStore()
    keep(store, shift_frames(), meter_frames())
    figures = Figures(small_factory(tmp_path).hub)
    asked = figures.look(store, START + 3 * DAY_NS)
    site = figures.hub.sites[0]

    def count(start_ns):
        return metered(desk, figures, asked, site, ASSET, start_ns)

    # 20,400 s of Execute in the shift, and 320 parts, as the golden shift has them by hand
    assert count(0) == Meter(20_400 * NS_PER_S, 320)
    assert count(START + 9_010 * NS_PER_S) == Meter(12_600 * NS_PER_S, 195), "the counter rose at 9,000 s"
    days = upkeep.metered(desk, ASSET, 0, 1 << 62)
    assert len(days) == 2, "of three days one has not settled, and the first does not begin at midnight"
    upkeep.keep_metered(desk, ASSET, {START // DAY_NS * DAY_NS + DAY_NS: (999, 999)})  # what is kept stays
    assert count(0) == Meter(20_400 * NS_PER_S, 320)
    assert metered(desk, figures, asked, site, "jeonju/none", 0) == Meter()


# ---- over HTTP


@pytest.fixture(scope="module")
def world(recorded, tmp_path_factory):
    made = World(recorded, tmp_path_factory.mktemp("faceplate"))
    yield made
    made.reader.close()
    made.desk.close()


def test_who_may_write_and_who_may_not(world):
    arm = {"asset": ARM}
    said = {"asset": ARM, "text": "소음"}
    assert world.send("POST", "/view/asset/remarks", "vera", json=said).status_code == 403
    assert world.send("POST", "/view/asset/remarks", "chang", json=said).status_code == 404
    assert world.send("POST", "/view/asset/remarks", "olaf", json=said).status_code == 200
    assert world.send("POST", "/view/asset/remarks", "olaf", json={**said, "text": " "}).status_code == 400
    nowhere = {"asset": "jeonju/none", "text": "x"}
    assert world.send("POST", "/view/asset/remarks", "olaf", json=nowhere).status_code == 404

    plan = {"asset": ARM, "name": "그리스", "counts": "days", "every": 90}
    assert world.send("POST", "/view/asset/upkeep", "olaf", json=plan).status_code == 403
    assert world.send("POST", "/view/asset/upkeep", "eva", json={**plan, "counts": "moons"}).status_code == 400
    n = world.send("POST", "/view/asset/upkeep", "eva", json=plan).json()["n"]
    assert world.send("POST", f"/view/asset/upkeep/{n}/done", "vera", json={}).status_code == 403
    assert world.send("POST", f"/view/asset/upkeep/{n}/done", "chang", json={}).status_code == 404
    assert world.send("POST", f"/view/asset/upkeep/{n}/done", "olaf", json={"note": "SK-1A"}).status_code == 200
    told = world.get("/view/asset/upkeep", "olaf", **arm).json()
    assert (told["may_tell"], told["may_configure"]) == (True, False)
    (row,) = told["upkeeps"]
    assert (row["name"], row["due"], row["done"]["who"], row["done"]["note"]) == ("그리스", "ok", "olaf", "SK-1A")
    assert row["left_s"] == pytest.approx(90 * 86_400, abs=60)
    assert world.send("DELETE", f"/view/asset/upkeep/{n}", "olaf").status_code == 403
    assert world.send("DELETE", f"/view/asset/upkeep/{n}", "eva").status_code == 200
    assert world.get("/view/asset/upkeep", "vera", **arm).json()["upkeeps"] == []
    assert {("olaf", "asset.remark", ARM), ("eva", "upkeep.need", ARM), ("olaf", "upkeep.done", ARM)} <= set(
        world.acts()
    )


def test_a_document_is_handed_out_so_that_it_can_do_nothing(world):
    here = {"asset": ARM, "name": "manual.pdf"}
    body = b"%PDF-1.7 /OpenAction %%EOF"
    assert world.send("POST", "/view/asset/papers", "vera", params=here, content=body).status_code == 403
    made = world.send("POST", "/view/asset/papers", "olaf", params=here, content=body).json()
    got = world.get(made["href"], "vera")
    assert got.content == body
    assert got.headers["content-disposition"].startswith("attachment")
    assert got.headers["content-security-policy"].startswith("default-src 'none'; sandbox")
    assert got.headers["x-content-type-options"] == "nosniff"
    assert world.get(made["href"], "chang").status_code == 404, "of another site"
    large = world.send(
        "POST", "/view/asset/papers", "olaf", params=here, content=b"%PDF-" + b"x" * 2_000_000 + b"%%EOF"
    )
    assert large.status_code == 200
    assert world.send("POST", "/view/asset/papers", "olaf", params=here, content=b"x" * 10_000_001).status_code == 413
    assert world.send("POST", "/view/asset/remarks", "olaf", json={"text": "x" * 1_000_000}).status_code == 413
    wrong = world.send("POST", "/view/asset/papers", "olaf", params=here, content=b"MZ")
    assert (wrong.status_code, wrong.json()["error"]["do"]) == (400, "save it as one of them")
    assert world.send("DELETE", made["href"], "chang").status_code == 404
    assert world.send("DELETE", made["href"], "olaf").status_code == 200
    assert world.send("DELETE", made["href"], "olaf").status_code == 400


# ---- in a browser


@pytest.mark.browser
def test_an_operator_writes_a_remark_adds_a_photo_and_does_what_is_due(browser, recorded, tmp_path):  # noqa: F811
    server = Server(recorded, tmp_path)
    server.start()
    try:
        with opened(browser, f"{server.url}/asset/{ARM}?lang=en", 1920, 1080) as (page, wrong):
            page.fill(".bk-form textarea", "Axis 2 is loud")
            page.click(".bk-form button")
            until(page, "document.querySelector('.bk-remarks li p')?.textContent === 'Axis 2 is loud'")
            page.set_input_files(".bk-form input", {"name": "axis.png", "mimeType": "image/png", "buffer": png()})
            until(page, "document.querySelector('.bk-papers img')?.naturalWidth === 2")
            page.click(".uk-plan summary")
            page.fill(".uk-form input[type=text]", "Grease axis 2")
            page.fill(".uk-form input[type=number]", "90")
            page.select_option(".uk-form select", "days")
            page.click(".uk-form button")
            until(page, "document.querySelector('.uk-row b')?.textContent === 'Grease axis 2'")
            page.click(".uk-row .uk-b button")
            page.fill(".uk-ask input", "SK-1A")
            page.keyboard.press("Enter")
            until(page, "document.querySelector('.uk-f small')?.textContent.includes('SK-1A')")
            assert "due in about 90 d" in page.inner_text(".uk-f")
            assert not wrong
        # the photo went as a picture of the browser's own making
        (kept,) = papers.papers(server.desk, ARM)
        assert kept.kind == "jpeg"
        (need,) = upkeep.upkeeps(server.desk, ARM)
        assert need[1] is not None
        assert need[1].note == "SK-1A"
    finally:
        server.stop()
