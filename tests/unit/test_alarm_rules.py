"""The rules of the asset types: complete, told in both languages, and quiet on plants without a fault."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from twin.alarms import AlarmBook, AlarmEventKind, InState, rules_by_asset
from twin.alarms.rule import On, Rate
from twin.assets.buffer import EMPTY, FULL
from twin.clock import NS_PER_S, ns_from_iso
from twin.config import parse_factory
from twin.errors import IdError
from twin.mirror import Mirror
from twin.sample import Role, batch_of
from twin.simulation.plant import ASSET_TYPES, build_plant

DEMO = Path(__file__).parents[2] / "dashboards" / "demo" / "factory.toml"
START_NS = ns_from_iso("2026-11-16T08:00:00+09:00")
STEP_S, CHUNK_S, HOUR_S = 5, 600, 3600
RULES = [(name, rule) for name, one in ASSET_TYPES.items() for rule in one.alarms] + [
    ("buffer", FULL),
    ("buffer", EMPTY),
]


@pytest.mark.parametrize(("kind", "rule"), RULES, ids=lambda part: getattr(part, "name", part))
def test_every_rule_tells_consequence_and_action_in_korean_and_english(kind, rule):
    for text in (rule.label, rule.consequence, rule.action):
        assert any("가" <= ch <= "힣" for ch in text.ko), text
        assert text.en
        assert text.en.isascii()


@pytest.mark.parametrize("kind", ASSET_TYPES)
def test_rules_of_a_type_have_names_of_their_own_and_signals_that_are_there(kind):
    rules = ASSET_TYPES[kind].alarms
    assert len({rule.name for rule in rules}) == len(rules) > 0
    signals = [signal for stream in ASSET_TYPES[kind].streams for signal in stream.signals]
    for rule in rules:
        for on in (getattr(rule.condition, part, None) for part in ("on", "one", "other")):
            assert on is None or not isinstance(on, On) or any(on.takes(signal) for signal in signals), rule.name


def test_an_assets_own_rule_takes_the_place_of_its_types():
    hub = parse_factory(tomllib.loads(DEMO.read_text("utf-8")), tuple(ASSET_TYPES)).hub
    asset = next(one for one in hub.assets().values() if one.type == "buffer").id
    types = {name: one.alarms for name, one in ASSET_TYPES.items()}
    own = rules_by_asset(hub, types, {asset: (FULL,)})(asset)
    assert FULL in own
    assert {rule.name for rule in own} == {"full", *(rule.name for rule in ASSET_TYPES["buffer"].alarms)}
    assert rules_by_asset(hub, types)("no/such/asset") == ()


def test_a_rule_that_cannot_be_is_refused():
    with pytest.raises(IdError):
        replace(FULL, name="a:b")
    with pytest.raises(ValueError, match="below 0"):
        replace(FULL, off_delay_s=-1.0)


def test_a_rate_over_less_than_eight_seconds_is_refused():
    with pytest.raises(ValueError, match="a second apart"):
        Rate(On("count"), 1.0, 1.0)


DAY = (pytest.mark.slow, pytest.mark.timeout(1800))


@pytest.mark.parametrize(
    ("site", "hours", "faults"),
    # Breakdowns of the simulated stations in that time: nothing else may be told.
    [
        ("jeonju", 1, {"aborted": 11, "faulted": 2}),
        ("changwon", 1, {"aborted": 6}),
        pytest.param("jeonju", 24, {"aborted": 179, "faulted": 24}, marks=DAY),
        pytest.param("changwon", 24, {"aborted": 114, "faulted": 9}, marks=DAY),
    ],
)
def test_a_plant_raises_just_the_faults_that_are_there(site, hours, faults):
    hub = parse_factory(tomllib.loads(DEMO.read_text("utf-8")), tuple(ASSET_TYPES)).hub
    rules = rules_by_asset(hub, {name: one.alarms for name, one in ASSET_TYPES.items()})
    found = hub.site(site)
    assert found is not None
    plant, mirror, book = build_plant(found, seed=7, start_ns=START_NS), Mirror(), AlarmBook(rules)
    journal, words, n = [], {}, 0
    for chunk in range(0, hours * HOUR_S, CHUNK_S):
        frames = plant.advance(START_NS + (chunk + CHUNK_S) * NS_PER_S, slow=True)
        for part in frames:
            for column, signal in enumerate(part.stream.text_columns):
                if signal.role is Role.STATE:
                    told = words.setdefault(part.stream.asset, [(0, "")])
                    for t_ns, row in zip(part.t_ns.tolist(), part.texts, strict=True):
                        if row[column] != told[-1][1]:
                            told.append((t_ns, row[column]))
        for second in range(chunk, chunk + CHUNK_S, STEP_S):
            edges = [START_NS + second * NS_PER_S, START_NS + (second + STEP_S) * NS_PER_S]
            cuts = [(part, *np.searchsorted(part.t_ns, edges)) for part in frames]
            n += 1
            batch = batch_of("w", n, edges[1], [part.take(np.arange(a, b)) for part, a, b in cuts if b > a])
            journal += book.apply(batch, mirror, mirror.apply(batch))
    told = [event for event in journal if event.kind in (AlarmEventKind.RAISED, AlarmEventKind.REPEATED)]
    for event in told:
        (rule,) = [one for one in rules(event.asset) if one.name == event.rule]
        assert isinstance(rule.condition, InState), event
        assert dict(words[event.asset])[event.cause_ns] in rule.condition.words  # the cause is there, to the sample
    assert Counter(event.rule for event in told) == faults
    aborting = [asset for asset in words if "aborted" in {rule.name for rule in rules(asset)}]
    entered = sum(word == "Aborted" for asset in aborting for _, word in words[asset])
    assert entered == faults["aborted"]  # and no fault is missed
