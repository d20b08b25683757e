"""Datasets between hubs: what one made another checks, takes in as it is, and never counts as its own."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from exported import TERMS, arm_episodes, arm_history, hashes, reseal, rewrite

from connectors.datasets.intake import again, made, take_in
from connectors.datasets.pack import pack
from connectors.datasets.reading import claims_of, lineage_of
from connectors.desk import Desk
from connectors.desk import datasets as catalogue
from connectors.desk.datasets import Way
from connectors.episodes.reading import streams_of
from connectors.exporters.croissant import CROISSANT, PROVENANCE
from connectors.exporters.export import export
from connectors.exporters.plan import FORMATS, Offer
from connectors.exporters.verify import verify
from twin.clock import ManualClock
from twin.errors import EpisodeError

HISTORY = arm_history(slow=True)


@pytest.fixture
def desk(tmp_path):
    found = Desk(f"sqlite:///{tmp_path / 'twin.db'}", ManualClock(10))
    yield found
    found.close()


def write(folder, desk, to="parquet", some=None, **more):
    """An export as the command makes it: with what the catalogue knows of its name."""
    offer = Offer("north", {"ko": "북", "en": "North"}, {"ko": "용접"}, "data@north.example", **more)
    offer = replace(offer, earlier=catalogue.editions(desk, "north", TERMS.name, to))
    export(to, HISTORY, streams_of(HISTORY), some or arm_episodes(), folder, 20, TERMS, offer=offer)
    return made(desk, "kim", folder)


@pytest.mark.parametrize("to", FORMATS)
def test_every_export_is_a_version_and_the_same_data_are_the_same_one(desk, tmp_path, to):
    first = write(tmp_path / "a", desk, to)
    fewer = write(tmp_path / "b", desk, to, some=arm_episodes()[:4], changes="only the first four")
    again_ = write(tmp_path / "c", desk, to)
    assert [one.claims.version for one in (first, fewer, again_)] == ["1.0.0", "1.1.0", "1.0.0"]
    assert hashes(tmp_path / "a") == hashes(tmp_path / "c")
    assert fewer.claims.changelog == (
        {"version": "1.0.0", "changes": "10 episodes, 0.03 h"},
        {"version": "1.1.0", "changes": "only the first four"},
    )
    listed = catalogue.entries(desk)
    assert {(one.claims.version, one.place) for one in listed} == {
        ("1.0.0", str(tmp_path / "c")),
        ("1.1.0", str(tmp_path / "b")),
    }
    assert (first.claims.id, first.claims.episodes, first.claims.labelled) == ("north/arm", 10, 10)
    assert first.claims.split_s == {"real": 99.5, "simulated": 0.0, "replay": 0.0, "augmented": 0.0}
    assert first.claims.contact == "data@north.example"
    assert "- 1.1.0: only the first four" in (tmp_path / "b/README.md").read_text("utf-8")
    with pytest.raises(EpisodeError, match=r"version 1\.0\.0 is other data"):
        write(tmp_path / "d", desk, to, some=arm_episodes()[:2], version="1.0.0")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("hours", lambda book: book.update(hours=book["hours"] * 2)),
        ("labelled", lambda book: book.update(labelled=9)),
        ("episodes", lambda book: book.update(episodes=11)),
        ("split_s", lambda book: book["split_s"].update(real=0.0, simulated=99.5)),
        ("content_sha256", lambda book: book.update(content_sha256="0" * 64)),
        ("its quality is not of", lambda book: book["quality"].update(defect=5)),
        ("its changelog does not lead", lambda book: book["changelog"].append({"version": "9.0.0", "changes": ""})),
        ("is no version", lambda book: book.update(version="new")),
    ],
)
def test_a_claim_that_the_data_do_not_bear_out_is_named_though_every_checksum_is_right(desk, tmp_path, name, change):
    write(tmp_path / "a", desk)
    rewrite(tmp_path / "a" / PROVENANCE, lambda told: change(told["catalogue"]))
    reseal(tmp_path / "a")
    found = [one for one in verify(tmp_path / "a") if one.check == "claims"]
    assert any(name in one.told for one in found), found


@pytest.mark.parametrize("to", FORMATS)
def test_simulated_episodes_that_are_called_real_are_named(desk, tmp_path, to):
    some = [replace(one, source="simulated:arm") for one in arm_episodes()]
    entry = write(tmp_path / "a", desk, to, some=some)
    assert entry.claims.split_s["simulated"] == 99.5
    assert verify(tmp_path / "a") == []

    def lie(told):
        for one in told["episodes"]:
            one["source"] = "real"
        split = told["catalogue"]["split_s"]
        split["real"], split["simulated"] = split["simulated"], 0.0

    rewrite(tmp_path / "a" / PROVENANCE, lie)
    reseal(tmp_path / "a")
    assert [one.told for one in verify(tmp_path / "a")] == ["tells other sources (real, simulated …) than the data do"]


def test_another_hub_checks_it_takes_it_in_untouched_and_makes_its_own_of_it(desk, tmp_path):
    write(tmp_path / "a", desk)
    before = hashes(tmp_path / "a")
    south = Desk(f"sqlite:///{tmp_path / 'south.db'}", ManualClock(20))
    taken = take_in(south, "lee", tmp_path / "a", "south", tmp_path / "kept")
    assert (taken.way, taken.claims.id, taken.checked_ns) == (Way.IMPORTED, "north/arm", 20)
    assert taken.place == str(tmp_path / "kept/north/arm/1.0.0-parquet")
    assert hashes(tmp_path / "kept/north/arm/1.0.0-parquet") == before == hashes(tmp_path / "a")
    lineage = lineage_of(tmp_path / "a", taken.claims)
    assert lineage["provenance_sha256"] == before[PROVENANCE]
    export(
        "parquet", HISTORY, streams_of(HISTORY), arm_episodes()[:2], tmp_path / "own", 20, TERMS,
        offer=Offer("south", lineage=(lineage,)),
    )  # fmt: skip
    assert verify(tmp_path / "own") == []
    assert claims_of(tmp_path / "own").lineage == (lineage,)
    derived = json.loads((tmp_path / "own" / CROISSANT).read_text("utf-8"))["prov:wasDerivedFrom"]
    assert [(one["@type"], one["name"], one["sha256"]) for one in derived] == [
        ("prov:Entity", "north/arm", before[PROVENANCE])
    ]
    with pytest.raises(EpisodeError, match="is there already"):
        take_in(south, "lee", tmp_path / "a", "south", tmp_path / "kept")
    south.close()


def test_datasets_of_two_hubs_are_handed_on_together_untouched_with_the_lineage_of_each(desk, tmp_path):
    north = write(tmp_path / "a", desk)
    south = Desk(f"sqlite:///{tmp_path / 'south.db'}", ManualClock(20))
    taken = take_in(south, "lee", tmp_path / "a", "south")
    offer = Offer("south", lineage=(lineage_of(tmp_path / "a", taken.claims),))
    terms = replace(TERMS, name="own", licence="CC0-1.0")
    export("mcap", HISTORY, streams_of(HISTORY), arm_episodes()[:2], tmp_path / "own", 20, terms, offer=offer)
    own = made(south, "lee", tmp_path / "own")
    for place in ("set", "again"):
        pack(tmp_path / place, "both", [taken, own], Offer("south"), "factory-twin test")
    assert hashes(tmp_path / "set") == hashes(tmp_path / "again")
    assert hashes(tmp_path / "set/sets/01-parquet") == hashes(tmp_path / "a")
    assert verify(tmp_path / "set") == []
    both = made(south, "lee", tmp_path / "set").claims
    assert (both.id, both.format, both.licence, both.episodes) == (
        "south/both",
        "collection",
        "CC-BY-4.0 AND CC0-1.0",
        12,
    )
    assert both.hours == pytest.approx(north.claims.hours + own.claims.hours, abs=1e-4)
    assert [one["id"] for one in both.lineage] == ["north/arm", "south/own"]
    assert [one["id"] for one in both.lineage[1]["derived_from"]] == ["north/arm"], (
        "the lineage of a dataset in it, too"
    )
    frames = tmp_path / "set/sets/01-parquet/frames.parquet"
    frames.write_bytes(frames.read_bytes()[:-1] + b"\x00")
    assert "sets/01-parquet/frames.parquet" in {one.where for one in verify(tmp_path / "set")}
    with pytest.raises(EpisodeError, match=r"frames\.parquet is not the file"):
        pack(
            tmp_path / "third", "x", [replace(taken, place=str(tmp_path / "set/sets/01-parquet"))], Offer("south"), "t"
        )
    rewrite(tmp_path / "again" / PROVENANCE, lambda told: told["catalogue"].update(hours=99.0))
    rewrite(tmp_path / "again/sets/02-mcap" / PROVENANCE, lambda told: told.update(licence="MIT"))
    reseal(tmp_path / "again")
    found = {one.check for one in verify(tmp_path / "again")}
    assert {"checksum", "claims", "licence"} <= found
    south.close()


def test_a_damaged_one_is_refused_by_the_file_and_nothing_is_entered(desk, tmp_path):
    write(tmp_path / "a", desk)
    frames = tmp_path / "a/frames.parquet"
    frames.write_bytes(frames.read_bytes()[:-1] + b"\x00")
    south = Desk(f"sqlite:///{tmp_path / 'south.db'}", ManualClock(20))
    with pytest.raises(EpisodeError, match=r"not taken in\n  checksum  frames\.parquet: is not the file"):
        take_in(south, "lee", tmp_path / "a", "south", tmp_path / "kept")
    assert (catalogue.entries(south), (tmp_path / "kept").exists()) == ([], False)
    (tmp_path / "empty").mkdir()
    with pytest.raises(EpisodeError, match="does not say what it is"):
        take_in(south, "lee", tmp_path / "empty", "south")
    write(tmp_path / "b", desk)
    with pytest.raises(EpisodeError, match="is this hub's own"):
        take_in(desk, "kim", tmp_path / "b", "north")
    south.close()


def test_a_link_out_of_the_folder_is_no_part_of_a_dataset(desk, tmp_path):
    write(tmp_path / "a", desk)
    (tmp_path / "secret.txt").write_text("x", "utf-8")
    (tmp_path / "a/more.txt").symlink_to(tmp_path / "secret.txt")
    assert [one.told for one in verify(tmp_path / "a") if "is a link" in one.told] != []


def test_what_a_check_found_is_kept_and_what_was_removed_is_listed_in_the_past_only(desk, tmp_path):
    entry = write(tmp_path / "a", desk)
    assert again(desk, "kim", tmp_path / "a") == []
    assert catalogue.entries(desk)[0].checked_ns == 10
    (tmp_path / "a/README.md").write_text("x", "utf-8")
    again(desk, "kim", tmp_path / "a")
    assert catalogue.entries(desk)[0].problems == ("README.md: is not the file whose SHA-256 croissant.json tells",)
    (tmp_path / "a").rename(tmp_path / "elsewhere")
    (found,) = again(desk, "kim", tmp_path / "a", named=True)
    assert (found.where, found.told) == (f"{tmp_path / 'a'}: .", "is not there")
    assert catalogue.entries(desk)[0].problems == (".: is not there",)
    desk._clock.advance(5)
    catalogue.remove(desk, "kim", entry)
    assert catalogue.entries(desk) == []
    assert [one.claims.id for one in catalogue.entries(desk, 12)] == ["north/arm"]
    assert catalogue.editions(desk, "north", "arm", "parquet")[0].version == "1.0.0", "a version is given once"
