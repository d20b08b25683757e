"""Labels of people over HTTP: who may put them, what is refused, and what the list then says."""

from __future__ import annotations

import itertools

import pytest
from access_world import World

from connectors.desk import episodes as book
from twin.clock import NS_PER_S
from twin.episodes import Episode, Method, Outcome

ARM, OTHER = "jeonju/weld/line1/R-105", "changwon/machining/line1/MT-01"


@pytest.fixture
def world(recorded, tmp_path):
    made = World(recorded, tmp_path)
    start_ns = recorded.end_ns - 600 * NS_PER_S
    some = [_episode(ARM, start_ns + i * 10 * NS_PER_S, i) for i in range(4)] + [_episode(OTHER, start_ns, 1)]
    book.keep(made.desk, "cut", some, {ARM: (0, recorded.end_ns), OTHER: (0, recorded.end_ns)})
    made.ids = [one.id for one in some]
    made.start_ms = start_ns / 1e6
    yield made
    made.reader.close()
    made.desk.close()


def _episode(asset, start_ns, i):
    end_ns = start_ns + 8 * NS_PER_S
    outcome, cause = ((Outcome.SUCCESS, ""), (Outcome.FAILURE, "grip_lost"), (Outcome.UNKNOWN, ""))[i % 3]
    return Episode(
        f"{asset}@{start_ns}", asset, start_ns, end_ns, start_ns, end_ns, Method.CYCLE, str(i), "W-217",
        outcome, cause, instruction_ko="용접", instruction_en="Weld",
    )  # fmt: skip


def put(world, who, prefix="/view", **said):
    return world.send("POST", f"{prefix}/episodes/labels", who, json={"episode": world.ids[0], **said})


def whole(text, channel="outcome"):
    return {"labels": [{"channel": channel, "label": text}]}


@pytest.mark.parametrize("prefix", ["/view", "/api/v1"])
def test_who_may_label_and_who_may_not(world, prefix):
    assert put(world, "vera", prefix, **whole("success")).status_code == 403
    assert put(world, "chang", prefix, **whole("success")).status_code == 404, "of another site"
    assert put(world, "", prefix, **whole("success")).status_code == 401
    told = put(world, "olaf", prefix, **whole("failure")).json()
    assert (told["outcome"], told["by"], told["suggested"]["outcome"]) == ("failure", ["olaf"], "success")
    seen = world.get(f"{prefix}/episodes", "vera").json()
    assert seen["progress"] == {"labelled": 1, "all": 4}
    assert (seen["may_tell"], seen["me"]) == (False, "vera")
    assert seen["episodes"][-1]["id"] == world.ids[0], "what nobody labelled comes first"
    assert world.get(f"{prefix}/episodes/labels", "chang", episode=world.ids[0]).status_code == 404
    assert ("olaf", "episode.label", world.ids[0]) in world.acts()


def test_a_suggestion_is_accepted_and_undone(world):
    told = put(world, "olaf", episode=world.ids[1], accept=True).json()
    assert (told["outcome"], told["cause"], told["labelled"]) == ("failure", "grip_lost", True)
    assert world.send("POST", "/view/episodes/undo", "eva", json={}).status_code == 409
    assert world.send("POST", "/view/episodes/undo", "olaf", json={}).json() == {"episodes": [world.ids[1]]}
    labels = world.get("/view/episodes/labels", "olaf", episode=world.ids[1]).json()
    assert labels["labelled"] is False
    assert [one["stands"] for one in labels["labels"] if one["source"] == "human"] == [False] * 8
    nothing = put(world, "olaf", episode=world.ids[2], accept=True)
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (409, "no_suggestion")


def test_what_is_refused_says_why(world):
    def error(**said):
        answer = put(world, "olaf", **said)
        return answer.status_code, answer.json()["error"]["what"]

    part = {"channel": "subtask", "label": "grip", "from": str(world.start_ms), "to": str(world.start_ms + 9000)}
    assert error(labels=[part])[0] == 400
    assert "inside" in error(labels=[part])[1]
    assert "part" in error(labels=[{"channel": "subtask", "label": "grip"}])[1]
    assert error(**whole("maybe"))[0] == 400
    assert error(labels=[])[0] == 409
    assert error(episode="jeonju/none@1", accept=True)[0] == 404
    assert error(more=1)[0] == 422
    part["to"] = str(world.start_ms + 8000)
    assert put(world, "olaf", labels=[part]).status_code == 200


def test_a_whole_task_is_labelled_at_once_and_undone_at_once(world):
    put(world, "eva", **whole("failure"))
    asked = {"asset": ARM, "task": "용접", "accept": True}
    assert world.send("POST", "/view/episodes/bulk", "vera", json=asked).status_code == 403
    assert world.send("POST", "/view/episodes/bulk", "chang", json=asked).status_code == 404
    told = world.send("POST", "/view/episodes/bulk", "olaf", json=asked).json()
    assert told["labelled"] == 2, "one is labelled, of one no rule says anything"
    rest = {"asset": ARM, "task": "W-217", "outcome": "failure", "cause": "arc"}
    assert world.send("POST", "/view/episodes/bulk", "olaf", json=rest).json()["labelled"] == 1
    assert world.send("POST", "/view/episodes/bulk", "olaf", json=rest).status_code == 409
    assert world.get("/view/episodes", "eva", labelled="no").json()["total"] == 0
    assert [one["cause"] for one in world.get("/view/episodes", "eva").json()["episodes"]].count("arc") == 1
    for left in (1, 3):
        world.send("POST", "/view/episodes/undo", "olaf", json={})
        assert world.get("/view/episodes", "eva", labelled="no").json()["total"] == left


def test_two_people_agree_as_far_as_they_do(world):
    assert world.get("/view/episodes/agreement", "eva").json() == {"agreement": []}
    for who, words in (("olaf", "sfsf"), ("eva", "sfss")):
        for episode, word in zip(world.ids, words, strict=False):
            put(world, who, episode=episode, **whole({"s": "success", "f": "failure"}[word]))
    (told,) = world.get("/view/episodes/agreement", "vera").json()["agreement"]
    assert (told["first"], told["second"], told["episodes"], told["same"]) == ("eva", "olaf", 4, 0.75)
    assert told["kappa"] == pytest.approx(0.5)
    assert world.get("/view/episodes/agreement", "chang").json() == {"agreement": []}


def test_an_episode_is_made_by_hand_from_a_replay(world):
    asked = {"asset": ARM, "from": str(world.start_ms + 1000), "to": str(world.start_ms + 5000)}
    assert world.send("POST", "/view/episodes", "vera", json=asked).status_code == 403
    assert world.send("POST", "/view/episodes", "chang", json=asked).status_code == 404
    made = world.send("POST", "/view/episodes", "olaf", json={**asked, "instruction_ko": "충돌"}).json()
    assert (made["method"], made["key"], made["task"]["ko"]) == ("hand", "olaf", "충돌")
    assert world.send("POST", "/view/episodes", "olaf", json=asked).status_code == 409
    for wrong in ({"to": asked["from"]}, {"to": str(world.start_ms + 9e6)}, {"from": "x"}, {"to": "0"}):
        assert world.send("POST", "/view/episodes", "olaf", json={**asked, **wrong}).status_code == 400
    assert world.send("POST", "/view/episodes", "olaf", json={**asked, "asset": "jeonju/none"}).status_code == 404
    assert world.send("DELETE", "/view/episodes", "chang", params={"episode": made["id"]}).status_code == 404
    assert world.send("DELETE", "/view/episodes", "olaf", params={"episode": world.ids[0]}).status_code == 409
    assert world.send("DELETE", "/view/episodes", "olaf", params={"episode": made["id"]}).status_code == 200


def test_the_list_is_filtered_and_as_of_a_moment(world):
    assert world.get("/view/episodes", "eva", outcome="failure").json()["total"] == 1
    assert world.get("/view/episodes", "eva", task="W-217", **{"from": str(world.start_ms + 9000)}).json()["total"] == 3
    assert world.get("/view/episodes", "ada", asset="changwon").json()["total"] == 1
    assert world.get("/view/episodes", "eva", as_of=str(world.start_ms)).json()["total"] == 0
    bounds = world.get("/view/episodes/labels", "eva", episode=world.ids[0]).json()["bounds"]
    assert [one["what"] for one in (bounds[0], bounds[-1])] == ["start", "end"]
    assert all(one["t_ms"] <= two["t_ms"] for one, two in itertools.pairwise(bounds))
