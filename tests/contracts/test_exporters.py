"""What every format of a dataset keeps to: terms, the same bytes, nothing half, and every change named."""

from __future__ import annotations

import json
import random

import pytest
from exported import TERMS, arm_episodes, arm_history, go_on, hashes, written

from connectors.exporters.croissant import CROISSANT, SUMS
from connectors.exporters.part import JOURNAL, part_of
from connectors.exporters.plan import FORMATS, Terms
from connectors.exporters.verify import verify
from twin.errors import EpisodeError, ExportError


class Stopped(Exception):
    pass


def stopping_after(episodes):
    def told(done):
        if done == episodes:
            raise Stopped

    return told


@pytest.fixture(scope="module")
def history():
    return arm_history(slow=True)


@pytest.fixture(scope="module", params=FORMATS)
def to(request):
    return request.param


@pytest.fixture(scope="module")
def whole(to, history, tmp_path_factory):
    """A dataset that no test may change."""
    folder = tmp_path_factory.mktemp(to) / "set"
    written(to, history, folder)
    return folder


@pytest.fixture
def dataset(to, history, tmp_path):
    written(to, history, tmp_path / "set")
    return tmp_path / "set"


@pytest.fixture
def few(to, history, tmp_path):
    """A dataset of three episodes."""
    written(to, history, tmp_path / "few", some=arm_episodes()[:3])
    return tmp_path / "few"


def test_verify_finds_nothing_wrong_and_nothing_is_left_beside_it(whole):
    assert verify(whole) == []
    assert [one.name for one in whole.parent.iterdir()] == ["set"]


def test_the_same_input_gives_the_same_bytes(dataset, whole):
    assert hashes(dataset) == hashes(whole)


@pytest.mark.parametrize("licence", ["", "mine"])
def test_nothing_goes_out_without_a_licence(to, history, tmp_path, licence):
    with pytest.raises(EpisodeError, match="licence"):
        written(to, history, tmp_path / "set", terms=Terms("arm", licence, "factory-twin test"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_refused_and_left_alone(to, history, tmp_path):
    mine = tmp_path / "set/mine.txt"
    mine.parent.mkdir()
    mine.write_text("x", "utf-8")
    with pytest.raises(EpisodeError, match="is not empty"):
        written(to, history, tmp_path / "set")
    assert hashes(tmp_path) == hashes(tmp_path)
    assert mine.read_text("utf-8") == "x"
    other = part_of(tmp_path / "new") / "mine.txt"
    other.parent.mkdir()
    other.write_text("x", "utf-8")
    with pytest.raises(EpisodeError, match="is in the way"):
        written(to, history, tmp_path / "new")
    assert other.read_text("utf-8") == "x"


def test_a_place_that_cannot_be_written_is_named(to, history, tmp_path):
    (tmp_path / "file").write_text("x", "utf-8")
    with pytest.raises(ExportError, match=r"set\.part cannot be written: Not a directory; what is finished is kept"):
        written(to, history, tmp_path / "file/set")


def test_an_empty_folder_is_taken(to, history, tmp_path, whole):
    (tmp_path / "set").mkdir()
    written(to, history, tmp_path / "set")
    assert hashes(tmp_path / "set") == hashes(whole)


def test_the_papers_name_every_file_its_terms_and_where_it_comes_from(whole):
    croissant = json.loads((whole / CROISSANT).read_text("utf-8"))
    assert croissant["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert croissant["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert croissant["usageInfo"]["@type"] == "odrl:Offer"
    assert croissant["prov:wasGeneratedBy"]["name"] == TERMS.exporter
    told = {one["contentUrl"]: one["sha256"] for one in croissant["distribution"]}
    there = hashes(whole)
    assert told == {name: there[name] for name in there.keys() - {CROISSANT, SUMS}}
    sums = dict(reversed(line.split("  ")) for line in (whole / SUMS).read_text("utf-8").splitlines())
    assert sums == {name: there[name] for name in there.keys() - {SUMS}}
    card = (whole / "README.md").read_text("utf-8")
    assert "라이선스 / licence | CC-BY-4.0" in card
    provenance = json.loads((whole / "meta/provenance.json").read_text("utf-8"))
    assert [one["id"] for one in provenance["episodes"]] == [one.id for one in arm_episodes()]


def test_a_flipped_bit_of_any_file_is_named_and_breaks_nothing(few):
    rng = random.Random(1)
    for name in hashes(few):
        path = few / name
        before = path.read_bytes()
        for _ in range(3):
            damaged = bytearray(before)
            damaged[rng.randrange(len(before))] ^= 1 << rng.randrange(8)
            path.write_bytes(damaged)
            wrong = [one.where for one in verify(few) if not one.risk]
            assert any(name in where for where in wrong), (name, wrong)
        path.write_bytes(before)
    assert verify(few) == []


def test_a_file_that_was_added_or_taken_away_is_named(few):
    (few / "stray.txt").write_text("x", "utf-8")
    assert [(one.check, one.where) for one in verify(few)] == [("checksum", "stray.txt")]
    (few / "stray.txt").unlink()
    for name in hashes(few):
        path = few / name
        before = path.read_bytes()
        path.unlink()
        assert any(name in one.where for one in verify(few)), name
        path.write_bytes(before)
    assert verify(few) == []


def test_what_is_stopped_leaves_nothing_under_its_name_and_nothing_at_all_before_the_first_episode(
    to, history, tmp_path, monkeypatch
):
    with pytest.raises(Stopped):
        written(to, history, tmp_path / "set", told=stopping_after(3))
    assert [one.name for one in tmp_path.iterdir()] == ["set.part"]
    with pytest.raises(EpisodeError, match="not like that"):
        written(to, Refusing(history), tmp_path / "other")
    assert [one.name for one in tmp_path.iterdir()] == ["set.part"]


class Refusing:
    """A history that cannot be read."""

    def __init__(self, history):
        self._history = history

    def frames(self, *_of):
        raise EpisodeError("not like that")

    def __getattr__(self, name):
        return getattr(self._history, name)


class Counting(Refusing):
    """Counts which frames are read."""

    def __init__(self, history):
        super().__init__(history)
        self.read = set()

    def frames(self, stream, start_ns, end_ns, limit=None):
        self.read.add(start_ns)
        return self._history.frames(stream, start_ns, end_ns, limit)


@pytest.mark.parametrize("seed", range(3))
def test_what_goes_on_after_stops_at_random_episodes_is_the_same_to_the_byte(to, history, tmp_path, whole, seed):
    rng = random.Random(seed)
    stops = sorted(rng.sample(range(1, 10), 2))
    for stop in stops:
        with pytest.raises(Stopped):
            written(to, history, tmp_path / "set", told=stopping_after(stop))
    counting = Counting(history)
    told = written(to, counting, tmp_path / "set")
    assert told["resumed"] == stops[-1]
    assert min(counting.read) == arm_episodes()[stops[-1]].start_ns
    assert hashes(tmp_path / "set") == hashes(whole)
    assert [one.name for one in tmp_path.iterdir()] == ["set"]


def test_what_was_damaged_or_half_written_meanwhile_is_made_anew(to, history, tmp_path, whole):
    with pytest.raises(Stopped):
        written(to, history, tmp_path / "set", told=stopping_after(5))
    part = tmp_path / "set.part"
    lines = (part / JOURNAL).read_text("utf-8").splitlines()
    damaged = part / json.loads(lines[2])["file"]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\xff")
    (part / JOURNAL).write_text("\n".join(lines)[:-9], "utf-8")
    (part / "set/stray.bin").write_bytes(b"half")
    told = written(to, history, tmp_path / "set")
    assert told["resumed"] == 3
    assert hashes(tmp_path / "set") == hashes(whole)


def test_an_export_that_asks_for_something_else_begins_anew(to, history, tmp_path):
    with pytest.raises(Stopped):
        written(to, history, tmp_path / "set", told=stopping_after(5))
    told = written(to, history, tmp_path / "set", some=arm_episodes()[1:])
    assert (told["resumed"], told["episodes"]) == (0, 9)
    assert verify(tmp_path / "set") == []


def test_what_goes_on_while_the_hub_records_tells_the_store_of_when_it_began(to, tmp_path):
    history = arm_history(sha256="a" * 64)
    written(to, history, tmp_path / "whole")
    with pytest.raises(Stopped):
        written(to, history, tmp_path / "set", told=stopping_after(5))
    go_on(history)
    assert written(to, history, tmp_path / "set")["resumed"] == 5
    assert hashes(tmp_path / "set") == hashes(tmp_path / "whole")
    told = json.loads((tmp_path / "set/meta/provenance.json").read_text("utf-8"))
    assert told["store"] == {"w": {"batch": 1, "sha256": "a" * 64}}


def test_what_was_finished_of_another_store_is_not_taken_up(to, tmp_path):
    with pytest.raises(Stopped):
        written(to, arm_history(sha256="a" * 64), tmp_path / "set", told=stopping_after(5))
    assert written(to, arm_history(sha256="b" * 64), tmp_path / "set")["resumed"] == 0


def test_two_at_once_into_one_folder_are_refused(to, history, tmp_path, whole):
    def second(done):
        if done == 2:
            with pytest.raises(EpisodeError, match="another process exports"):
                written(to, history, tmp_path / "set")

    written(to, history, tmp_path / "set", told=second)
    assert hashes(tmp_path / "set") == hashes(whole)
