"""A crowd: cheap machines, each a function of its time."""

import tomllib

import numpy as np
import pytest

from connectors.plugins import asset_types
from dashboards.demo.crowd import crowd_assets, crowd_file
from twin.clock import NS_PER_S
from twin.config import parse_factory
from twin.errors import ConfigError
from twin.simulation.plant import build_plant

T0 = 1_790_000_000 * NS_PER_S


def _site(assets):

    return parse_factory(tomllib.loads(crowd_file(assets)), tuple(asset_types())).hub.sites[0]


def _frames(step_s, seed=7):
    plant = build_plant(_site(30), seed=seed, start_ns=T0, crowd=True)
    found = {}
    for second in range(step_s, 13, step_s):
        for frames in plant.advance(T0 + second * NS_PER_S):
            found.setdefault(frames.stream.id, []).append(frames)
    return {key: np.concatenate([one.values for one in parts]) for key, parts in found.items()}


def test_every_machine_of_the_file_has_ten_numbers_twice_a_second_and_each_changes():
    frames = _frames(12)
    assert len(frames) == 30
    assert {values.shape for values in frames.values()} == {(24, 10)}
    gauges = np.array([np.ptp(values, axis=0) > 0 for values in frames.values()]).mean(axis=0)
    assert (gauges[:6] > 0.9).all(), "all but counters and cycle times move"


def test_however_the_time_is_cut_the_same_seed_gives_the_same_crowd_and_another_seed_another():
    whole, cut, other = _frames(12), _frames(1), _frames(12, seed=8)
    assert all(np.array_equal(whole[key], cut[key], equal_nan=True) for key in whole)
    assert not any(np.array_equal(whole[key], other[key], equal_nan=True) for key in whole)


@pytest.mark.parametrize("assets", [1, 25, 26, 500, 1030])
def test_the_file_holds_so_many_machines_on_the_floor_and_names_the_last(assets):
    site = _site(assets)
    assert [one.id for one in site.assets] == crowd_assets(assets)
    assert len(site.assets) == assets
    width, depth = site.size_m
    assert all(0 < one.pose.x_m < width and 0 < one.pose.y_m < depth for one in site.assets)


def test_in_a_crowd_nothing_can_be_made_to_go_wrong():

    text = crowd_file(3).replace(
        'law = "crowd"',
        f'law = "crowd"\nfault = [{{ kind = "network_cut", asset = "{crowd_assets(3)[-1]}", at_s = 1, for_s = 1 }}]',
    )
    with pytest.raises(ConfigError, match="in a crowd nothing goes wrong"):
        parse_factory(tomllib.loads(text), tuple(asset_types()))
