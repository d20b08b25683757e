"""All simulated devices of a site: its plant, and who of them speaks which dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from connectors.speakers import homeassistant, plain_json, sparkplug_b, uns, vda5050
from twin.errors import ScenarioError
from twin.simulation.faults import ms_of
from twin.simulation.plant import ASSET_TYPES, build_plant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from connectors.speakers import Speaker, Spoken
    from twin.config import Factory
    from twin.sample import Frames, Stream
    from twin.simulation.faults import Trouble
    from twin.simulation.plant import Plant
    from twin.site import Asset, Site


class Counts(Protocol):
    """Where the devices' counts go on after the last run."""

    def next_seq(self, stream: str) -> int:
        """The next sequence of a stream."""
        ...

    def session(self, line: str) -> int:
        """The number of the last session of a connection, -1 before the first."""
        ...


class Cast:
    """The devices of a site. Mutable: its plant runs, its speakers count; one thread advances it.

    ``edges`` are those of its speakers that have a connection of their own, by its name. Faults count from
    ``faults_from_ns``, the start where nothing is said.
    """

    def __init__(
        self, site: Site, factory: Factory, start_ns: int, counts: Counts, faults_from_ns: int | None = None
    ) -> None:
        config = factory.simulate
        dialects = {asset.id: dialect_of(asset, config.dialects) for asset in site.assets}
        self._plant = build_plant(
            site,
            seed=config.seed,
            start_ns=start_ns,
            keeps_orders="vda5050" in dialects.values(),
            faults=config.fault,
            faults_from_ns=faults_from_ns,
            breakdowns=config.breakdowns,
            crowd=config.law == "crowd",
        )
        self._start_ns = start_ns
        self._cut: set[str] = set()
        self._speakers = _speakers(site, self._plant, dialects, start_ns, counts, primary_host(factory))
        self._by_asset = {
            asset: self._speakers[name]
            for name, assets in _groups(site, dialects).items()
            for asset in (each.id for each in assets)
        }

    @property
    def edges(self) -> dict[str, sparkplug_b.Speaker]:
        """Its edge nodes by the names of their connections."""
        return {one.line: one for one in self._speakers.values() if isinstance(one, sparkplug_b.Speaker)}

    def hello(self, t_ns: int) -> Iterator[Spoken]:
        """What the devices say when they come."""
        for speaker in self._speakers.values():
            yield from speaker.hello(t_ns)

    def advance(self, until_ns: int, *, slow: bool, rows: int) -> Iterator[Spoken]:
        """Let the plant run to ``until_ns``; what its devices say, ``rows`` samples a message at most.

        What is behind a cut network is not heard; an edge node is told of the cut by its own connection.
        """
        parts: dict[int, list[Frames]] = {}
        for whole in self._plant.advance(until_ns, slow=slow):
            speaker = self._by_asset[whole.stream.asset]
            edge = isinstance(speaker, sparkplug_b.Speaker)
            part = whole if edge else self._plant.faults.heard(whole, self._start_ns)
            if len(part):
                parts.setdefault(id(speaker), []).append(part)
        yield from self._cuts(until_ns)
        for speaker in self._speakers.values():
            yield from speaker.say(parts.get(id(speaker), ()), until_ns, rows)

    def cut_lines(self) -> set[str]:
        """The edge nodes' connections that are cut now."""
        found = (self._by_asset[asset] for asset in self._cut)
        return {speaker.line for speaker in found if isinstance(speaker, sparkplug_b.Speaker)}

    def troubles(self) -> list[Trouble]:
        """What has begun to go wrong since the last call."""
        return self._plant.troubles()

    def _cuts(self, now_ns: int) -> Iterator[Spoken]:
        """What is said of devices whose network was cut, or is there again: the broker's word for a lost one."""
        faults, now_ms = self._plant.faults, ms_of(self._start_ns, now_ns)
        cut = {asset for asset in faults.assets if faults.is_cut(asset, now_ms)}
        for asset in sorted(cut ^ self._cut):
            speaker = self._by_asset[asset]
            if isinstance(speaker, vda5050.Speaker | homeassistant.Speaker):
                yield from speaker.presence(asset, now_ns, there=asset not in cut)
        self._cut = cut

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
    if found in ("homeassistant", "sparkplug_b") and len(ASSET_TYPES[asset.type].streams) > 1:
        raise ScenarioError(f"{asset.id}: a simulated {asset.type} does not speak {found}")
    return found


def primary_host(factory: Factory) -> str:
    """The Sparkplug host that simulated edge nodes wait for: that of the factory's own source, or "" for none."""
    hosts = (source.options.get("host_id") for source in factory.sources if source.type == "sparkplug_host")
    return next((str(host) for host in hosts if host), "")


def _groups(site: Site, dialects: Mapping[str, str]) -> dict[str, list[Asset]]:
    """The assets of each speaker: by dialect, and for Sparkplug by edge node, one for each place."""
    found: dict[str, list[Asset]] = {}
    for asset in site.assets:
        name = dialects[asset.id]
        if name == "sparkplug_b":
            name = f"{name}:{asset.id.rpartition('/')[0]}"
        found.setdefault(name, []).append(asset)
    return found


def _speakers(  # noqa: PLR0913  what speakers are made of
    site: Site, plant: Plant, dialects: Mapping[str, str], start_ns: int, counts: Counts, host_id: str
) -> dict[str, Speaker]:
    """The speakers of a site by name; raises ScenarioError where two places would be one edge node."""
    streams: dict[str, list[Stream]] = {}
    for stream in plant.streams:
        streams.setdefault(stream.asset, []).append(stream)
    found: dict[str, Speaker] = {}
    nodes: set[str] = set()
    for name, assets in _groups(site, dialects).items():
        dialect, _, place = name.partition(":")
        if dialect == "vda5050":
            found[name] = vda5050.Speaker(site, assets, plant.order_books, start_ns, counts.next_seq)
        elif dialect == "uns":
            found[name] = uns.Speaker()
        elif dialect == "homeassistant":
            found[name] = homeassistant.Speaker(assets, streams)
        elif dialect == "sparkplug_b":
            node = place.rpartition("/")[2]
            if node in nodes:
                raise ScenarioError(f"{place}: another place of the site has an edge node called {node}")
            nodes.add(node)
            found[name] = sparkplug_b.Speaker(
                site.id,
                node,
                {asset.id.rpartition("/")[2]: streams[asset.id][0] for asset in assets},
                host_id=host_id,
                bdseq=counts.session(f"{site.id}/{node}"),
            )
        else:
            found[name] = plain_json.Speaker(counts.next_seq)
    return found
