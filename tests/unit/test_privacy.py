"""What is taken out of a dataset is in none of its bytes; what it says of that is held to its data."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from exported import ARM, T0, TERMS, hashes, reseal, rewrite
from mcap.reader import make_reader

from connectors.datasets.intake import again
from connectors.desk import Desk
from connectors.desk import episodes as book
from connectors.desk.known import known_people
from connectors.episodes.reading import streams_of
from connectors.exporters.croissant import PROVENANCE
from connectors.exporters.export import export
from connectors.exporters.plan import FORMATS
from connectors.exporters.verify import verify
from connectors.privacy.asked import Asked
from connectors.privacy.cloak import Cloak, shift_of
from connectors.privacy.making import cloak_of
from connectors.privacy.secret import secret_file, secret_of
from connectors.stores.memory import MemoryStore
from twin.clock import NS_PER_S, ManualClock
from twin.episodes import Episode, Label, Method, Outcome
from twin.errors import EpisodeError
from twin.ports import Commit, Folded
from twin.sample import Frames, Kind, Role, Signal, batch_of, stream_of

WORK = stream_of(
    ARM,
    "data",
    [
        Signal("q0", unit="rad", role=Role.JOINT_POSITION),
        Signal("power", unit="W"),
        Signal("lot_no", Kind.COUNTER, unit="1"),
        Signal("operator_id", Kind.TEXT),
        Signal("serial_number", Kind.TEXT),
        Signal("message", Kind.TEXT),
    ],
    sequenced=True,
    period_s=0.05,
)
ROWS = 400
RAW = ("kim.minsu", "lee-young", "박지훈", "SN-2026-00017", "SN-2026-00018")
LOT = 987_654_321
EVERYTHING = Asked(people=True, parts=True, shift="random")


@pytest.fixture(scope="module")
def history():
    at = np.arange(ROWS)
    t_ns = T0 + at * NS_PER_S // 20
    values = np.column_stack([np.sin(at / 20.0), 100.0 + at % 7, np.full(ROWS, float(LOT))])
    texts = tuple(
        (RAW[i // 200], RAW[3 + i // 200], f"part {RAW[3 + i // 200]} gripped by {RAW[0]}") for i in range(ROWS)
    )
    store = MemoryStore()
    part = Frames(WORK, t_ns, at.astype(np.int64), t_ns + 3, values, np.full(ROWS, 192, np.int16), texts)
    store.append(Commit(batch_of("w", 1, int(t_ns[-1]), [part])), lambda _batch: Folded((), (), None))
    return store


def some():
    found = []
    for i in range(2):
        start_ns, end_ns = T0 + i * 10 * NS_PER_S, T0 + (i * 10 + 10) * NS_PER_S - 1
        method, key = (Method.CYCLE, str(i)) if i else (Method.HAND, RAW[2])
        name = f"{ARM}@{start_ns}" if i else f"{ARM}@{start_ns}-{end_ns}"
        found.append(
            Episode(name, ARM, start_ns, end_ns, start_ns, end_ns, method, key, program=f"weld {RAW[3]}",
                    outcome=Outcome.FAILURE, cause=f"dropped {RAW[4]}", instruction_en=f"Hand the part to {RAW[1]}")
        )  # fmt: skip
    return found


@pytest.fixture
def desk(tmp_path):
    found = Desk(f"sqlite:///{tmp_path / 'twin.db'}", ManualClock(T0 + 10**12))
    (tmp_path / "twin-desk.db.secret").write_text("5e" * 32, "utf-8")  # or now and then a hash holds what is looked for
    episodes = some()
    book.keep(found, RAW[0], episodes, {ARM: (0, 2**62)})
    for one in episodes:
        note = f"{RAW[3]} slipped, told to {RAW[1]}"
        book.add_label(found, RAW[1], Label(one.id, one.start_ns, one.end_ns, "anomaly", note, "human", who=RAW[1]))
    yield found
    found.close()


def write(folder, to, history, desk, asked, tmp_path):
    streams, episodes = streams_of(history), some()
    secret = secret_file(f"sqlite:///{tmp_path / 'twin.db'}", None)
    cloak = cloak_of(desk, history, streams[ARM], episodes, asked, secret, "north/arm")
    export(to, history, streams, episodes, folder, 20, TERMS, labels=book.every_label(desk), cloak=cloak)
    return cloak


def every_byte(folder):
    """All that a folder holds, also what is compressed: read by the formats' own readers, not by ours."""
    import pyarrow.parquet as pq

    found = io.StringIO()
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        found.write(
            f"{path.name}\n{path.read_bytes().decode('latin-1')}\n{path.read_bytes().decode('utf-8', 'ignore')}\n"
        )
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            found.write(f"{table.schema}\n{pq.read_metadata(path).metadata}\n{table.to_pydict()}\n")
        if path.suffix == ".mcap":
            with path.open("rb") as file:
                reader = make_reader(file)
                for schema, channel, message in reader.iter_messages():
                    found.write(f"{schema} {channel} {message.data.decode('utf-8', 'ignore')} {message}\n")
                for one in reader.iter_metadata():
                    found.write(f"{one}\n")
                for one in reader.iter_attachments():
                    found.write(f"{one} {one.data.decode('utf-8')}\n")
    return found.getvalue()


@pytest.mark.parametrize("to", FORMATS)
def test_no_name_no_part_and_no_true_time_is_in_any_byte(to, history, desk, tmp_path):
    open_, closed, twice = tmp_path / "open", tmp_path / "closed", tmp_path / "twice"
    write(open_, to, history, desk, Asked(), tmp_path)
    bare = every_byte(open_)
    assert sum(one in bare for one in RAW) >= 2, "without being asked nothing is taken out: the search does find them"
    cloak = write(closed, to, history, desk, EVERYTHING, tmp_path)
    text = every_byte(closed)
    assert [
        one for one in (*RAW, str(LOT), "2026-09", *(str(one.start_ns)[:10] for one in some())) if one in text
    ] == []
    assert (cloak.secret.decode() in text, str(-cloak.shift_ns // NS_PER_S) in text) == (False, False)
    assert cloak.person(RAW[1]) in text
    assert cloak.part(RAW[4]) in text
    assert verify(closed) == []
    write(twice, to, history, desk, EVERYTHING, tmp_path)
    assert hashes(closed) == hashes(twice), "the same input and secret, the same bytes"
    told = json.loads((closed / PROVENANCE).read_text("utf-8"))["privacy"]
    assert told["time"] == {"shifted": True, "by": "random"}
    assert (told["parts"]["left_out"], told["parts"]["signals"]) == (["lot_no"], [f"{ARM}:data:serial_number"])
    assert "익명화" in (closed / "README.md").read_text("utf-8")


def test_the_durations_and_numbers_stay_what_they_were(history, desk, tmp_path):
    import pyarrow.parquet as pq

    write(tmp_path / "open", "parquet", history, desk, Asked(), tmp_path)
    cloak = write(tmp_path / "closed", "parquet", history, desk, EVERYTHING, tmp_path)
    before, after = (pq.read_table(tmp_path / name / "frames.parquet") for name in ("open", "closed"))
    for column in ("q0", "power", "timestamp", "frame_index"):
        assert before[column].equals(after[column])
    moved = np.asarray(after["time"]).astype(np.int64) - np.asarray(before["time"]).astype(np.int64)
    assert set(moved.tolist()) == {cloak.shift_ns}
    assert cloak.shift_ns % NS_PER_S == 0
    assert -5 * 365 * 86_400 <= cloak.shift_ns // NS_PER_S <= -30 * 86_400
    assert set(after["message"].to_pylist()) == {
        f"part {cloak.part(RAW[3 + i])} gripped by {cloak.person(RAW[0])}" for i in range(2)
    }


def test_a_hand_made_episode_never_tells_outside_who_made_it(history, desk, tmp_path):
    write(tmp_path / "open", "mcap", history, desk, Asked(), tmp_path)
    assert RAW[2] not in every_byte(tmp_path / "open")


def test_another_hubs_secret_gives_other_pseudonyms_and_the_key_says_which(history, desk, tmp_path):
    one, other = (Cloak(Asked(people=True), secret * 32) for secret in (b"a", b"b"))
    assert one.person("kim") != other.person("kim")
    assert one.record(())["pseudonyms"]["key"] != other.record(())["pseudonyms"]["key"]
    assert re.fullmatch(r"op-[0-9a-f]{12}", one.person("kim"))


def test_a_name_is_found_however_it_is_written_and_only_as_a_word():
    cloak = Cloak(Asked(people=True, parts=True), b"a" * 32, frozenset({"kim", "박지훈"}), frozenset({"SN-17/b", "X1"}))
    apart = unicodedata.normalize("NFD", "박지훈")
    person, part = cloak.person("kim"), cloak.part("SN-17/b")
    assert cloak.text(f"Kim met {apart}, not kimchi") == f"{person} met {cloak.person('박지훈')}, not kimchi"
    assert cloak.text("dropped sn-17/B twice") == f"dropped {part} twice"
    assert cloak.text("X1") == cloak.part("x1"), "a short number where it stands alone"
    assert cloak.text("gate X1 open") == "gate X1 open"
    assert cloak.person("terminal:KIM") == person
    assert Cloak(Asked(shift="1"), b"a" * 32, frozenset({"kim"})).text("kim") == "kim", "nobody asked for it"


def test_the_secret_is_made_once_for_its_owner_only_and_a_weak_one_is_refused(tmp_path):
    path = secret_file(f"sqlite:///{tmp_path / 'twin.db'}", None)
    first = secret_of(path)
    assert path.name == "twin-desk.db.secret"
    assert (secret_of(path), len(first), path.stat().st_mode & 0o777) == (first, 64, 0o600)
    path.write_text("short", "utf-8")
    with pytest.raises(EpisodeError, match="has 5 characters"):
        secret_of(path)
    assert secret_file("postgresql://x/y", tmp_path) == tmp_path / "desk.secret"
    with pytest.raises(EpisodeError, match="cannot be read"):
        secret_of(tmp_path / "none", make=False)


def test_a_shift_that_is_none_or_leads_too_far_is_refused():
    assert shift_of("", b"x", "a", T0) == 0
    assert shift_of("-86400.5", b"x", "a", T0) == -86_400_500_000_000
    for text in ("soon", "inf", "nan"):
        with pytest.raises(EpisodeError, match="write seconds"):
            shift_of(text, b"x", "a", T0)
    with pytest.raises(EpisodeError, match="before 1970"):
        shift_of("-9e9", b"x", "a", T0)
    assert (
        shift_of("random", b"x", "a", T0) == shift_of("random", b"x", "a", T0 + 1) != shift_of("random", b"x", "b", T0)
    )


@pytest.mark.parametrize("to", ["mcap", "parquet"])
def test_claims_of_what_was_not_taken_out_are_named(to, history, desk, tmp_path):
    write(tmp_path / "a", to, history, desk, Asked(shift="3600"), tmp_path)
    assert json.loads((tmp_path / "a" / PROVENANCE).read_text("utf-8"))["privacy"]["time"]["by"] == 3600.0
    signals = {"pseudonyms": "operator_id", "parts": "serial_number"}
    for claim, signal in signals.items():
        rewrite(
            tmp_path / "a" / PROVENANCE,
            lambda told, c=claim, s=signal: told["privacy"].update({c: {"signals": [f"{ARM}:data:{s}"]}}),
        )
    reseal(tmp_path / "a")
    found = [one.told for one in verify(tmp_path / "a") if one.check == "privacy"]
    assert any(one == f"claims pseudonyms, and says {RAW[0]!r}" for one in found), found
    assert any(one == f"claims parts, and says {RAW[3]!r}" for one in found), found
    named = [one.told for one in again(desk, "kim", tmp_path / "a") if "whom this hub knows" in one.told]
    assert any(RAW[1] in one for one in named), named


@pytest.mark.parametrize("to", FORMATS)
def test_a_time_that_was_not_shifted_with_the_others_is_named(to, history, desk, tmp_path):
    write(tmp_path / "a", to, history, desk, Asked(shift="-3600"), tmp_path)
    assert [one for one in verify(tmp_path / "a") if not one.risk] == []
    rewrite(tmp_path / "a" / PROVENANCE, lambda told: told.update({"from": "2026-09-21T14:13:20.000Z"}))
    reseal(tmp_path / "a")
    assert any("its episodes are of other times" in one.told for one in verify(tmp_path / "a"))

    def late(told):
        for one in told["episodes"]:
            one["from_ns"] += 3600 * NS_PER_S
            one["to_ns"] += 3600 * NS_PER_S

    rewrite(tmp_path / "a" / PROVENANCE, late)
    reseal(tmp_path / "a")
    found = [one.told for one in verify(tmp_path / "a")]
    assert "names another time than its episode begins at" in found
    assert f"is not of the time that {PROVENANCE} tells" in found


def test_a_hub_knows_who_labelled_and_who_made_episodes(desk):
    assert known_people(desk) == {RAW[1], RAW[2]}
    assert replace(some()[0], key="").key == ""
