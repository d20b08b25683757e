"""What the factory file says of hubs and of quality: read, or every mistake named."""

from __future__ import annotations

import pytest

from twin.config import parse_factory
from twin.errors import ConfigError
from twin.site import HubRole

SITE = [{"id": "jeonju", "name": "j"}]


def test_a_hub_names_its_role_its_partners_and_its_targets():
    hub = {
        "id": "h", "name": "h", "role": "data_zone", "targets": {"hours_per_week": 40, "usable": 0.8},
        "partner": [{"id": "daejeon", "name": {"ko": "대전", "en": "Daejeon"}, "role": "labelling",
                     "position_deg": [36.35, 127.38]}],
    }  # fmt: skip
    factory = parse_factory({"hub": hub, "site": SITE, "quality": {"lost_defect": 0.2}}, ())
    assert factory.hub.role is HubRole.DATA_ZONE
    assert factory.hub.targets == {"hours_per_week": 40, "usable": 0.8}
    (partner,) = factory.hub.partners
    assert (partner.name.ko, partner.role, partner.position_deg) == ("대전", HubRole.LABELLING, (36.35, 127.38))
    assert factory.quality.lost_defect == 0.2
    assert parse_factory({"hub": {"id": "h", "name": "h"}, "site": SITE}, ()).hub.role is HubRole.APPLICATION


@pytest.mark.parametrize(
    ("hub", "quality", "key"),
    [
        ({"role": "storage"}, {}, "hub.role"),
        ({"targets": {"usable": 80}}, {}, "hub.targets.usable"),
        ({"targets": {"hours": 80}}, {}, "hub.targets.hours"),
        ({"partner": [{"id": "d", "name": "d"}]}, {}, "hub.partner[0].role"),
        (
            {"partner": [{"id": "d", "name": "d", "role": "labelling", "position_deg": [127.4, 36.3]}]},
            {},
            "position_deg",
        ),
        ({"partner": [{"id": "d", "name": "d", "role": "labelling"}] * 2}, {}, "hub.partner"),
        ({}, {"nan_defect": 3}, "quality.nan_defect"),
        ({}, {"nan_deffect": 0.3}, "quality.nan_deffect"),
        ({}, {"skew_defect_s": 0.01}, "quality.skew_defect_s"),
    ],
)
def test_each_mistake_is_named_where_it_is(hub, quality, key):
    with pytest.raises(ConfigError) as wrong:
        parse_factory({"hub": {"id": "h", "name": "h", **hub}, "site": SITE, "quality": quality}, ())
    assert len(wrong.value.mistakes) == 1
    assert key in wrong.value.mistakes[0].key
