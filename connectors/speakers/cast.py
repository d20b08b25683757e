"""All simulated devices of a site: its plant, and who of them speaks which dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.speakers import homeassistant, plain_json, uns, vda5050
from twin.errors import ScenarioError
from twin.simulation.plant import build_plant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from connectors.speakers import Speaker, Spoken
    from twin.config import SimulateConfig
    from twin.sample import Frames, Stream
    from twin.simulation.plant import Plant
    from twin.site import Asset, Site


class Cast:
    """The devices of a site. Mutable: its plant runs, its speakers count; one thread advances it.

    ``next_seq`` gives where a stream's count goes on after the last run.
    """

    def __init__(self, site: Site, config: SimulateConfig, start_ns: int, next_seq: Callable[[str], int]) -> None:
        dialects = {asset.id: dialect_of(asset, config.dialects) for asset in site.assets}
        self._plant = build_plant(
            site, seed=config.seed, start_ns=start_ns, keeps_orders="vda5050" in dialects.values()
        )
        self._speakers = _speakers(site, self._plant, dialects, start_ns, next_seq)
        self._by_asset = {asset: self._speakers[dialect] for asset, dialect in dialects.items()}

    def hello(self, t_ns: int) -> Iterator[Spoken]:
        """What the devices say when they come."""
        for speaker in self._speakers.values():
            yield from speaker.hello(t_ns)

    def advance(self, until_ns: int, *, slow: bool, rows: int) -> Iterator[Spoken]:
        """Let the plant run to ``until_ns``; what its devices say, ``rows`` samples a message at most."""
        parts: dict[int, list[Frames]] = {}
        for part in self._plant.advance(until_ns, slow=slow):
            parts.setdefault(id(self._by_asset[part.stream.asset]), []).append(part)
        for speaker in self._speakers.values():
            yield from speaker.say(parts.get(id(speaker), ()), until_ns, rows)

    def farewell(self, t_ns: int) -> Iterator[Spoken]:
        """What the devices say before they go."""
        for speaker in self._speakers.values():
            yield from speaker.farewell(t_ns)


def dialect_of(asset: Asset, dialects: Mapping[str, str]) -> str:
    """What an asset speaks: told of itself, or of its type, or plain JSON.

    Raises ScenarioError where nobody speaks that dialect of such an asset.
    """
    found = dialects.get(asset.id) or dialects.get(asset.type) or "json"
    if found == "vda5050" and asset.type != "mobile_robot":
        raise ScenarioError(f"{asset.id}: VDA 5050 is for mobile robots, not for a {asset.type}")
    return found


def _speakers(
    site: Site, plant: Plant, dialects: Mapping[str, str], start_ns: int, next_seq: Callable[[str], int]
) -> dict[str, Speaker]:
    """By dialect, those that the site's assets speak."""
    of: dict[str, list[Asset]] = {}
    for asset in site.assets:
        of.setdefault(dialects[asset.id], []).append(asset)
    streams: dict[str, list[Stream]] = {}
    for stream in plant.streams:
        streams.setdefault(stream.asset, []).append(stream)
    found: dict[str, Speaker] = {}
    for dialect, assets in of.items():
        if dialect == "vda5050":
            found[dialect] = vda5050.Speaker(site, assets, plant.order_books, start_ns, next_seq)
        elif dialect == "uns":
            found[dialect] = uns.Speaker()
        elif dialect == "homeassistant":
            found[dialect] = homeassistant.Speaker(assets, streams)
        else:
            found[dialect] = plain_json.Speaker(next_seq)
    return found
