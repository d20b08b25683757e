"""A part of a factory's ingest: the sources of some sites, under a writer of its own.

Several ingest processes may write into one PostgreSQL, each with its own sources. A source is never
divided: the order of its messages, its gaps and its decoder's state are one process's work.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from twin.errors import ConfigError, Mistake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twin.config import Factory, SourceConfig


def site_of(source: SourceConfig, sites: Sequence[str]) -> str:
    """The site that a source belongs to: told, or the first level of all its topics; "" where neither tells one."""
    if source.site:
        return source.site
    first = {topic.split("/", 1)[0] for topic in source.topics}
    return first.pop() if len(first) == 1 and first <= set(sites) else ""


def only(factory: Factory, sites: Sequence[str]) -> Factory:
    """The factory with the sources of these sites, its writer named after them.

    Raises ConfigError for a site that there is not, and for a source that belongs to no one site.
    """
    known = [site.id for site in factory.hub.sites]
    mistakes = [
        Mistake("--only", f"there is no site {site!r}", f"there are: {', '.join(known)}")
        for site in sites
        if site not in known
    ]
    places = {source.name: site_of(source, known) for source in factory.sources}
    mistakes += [
        Mistake(
            f"source {name}",
            "hears more than one site, or none that can be told from its topics",
            'write site = "…", or divide it by topics',
        )
        for name, site in places.items()
        if not site
    ]
    if not mistakes and not any(site in sites for site in places.values()):
        mistakes = [Mistake("--only", f"no source belongs to {', '.join(sites)}")]
    if mistakes:
        raise ConfigError(tuple(mistakes))
    chosen = tuple(source for source in factory.sources if places[source.name] in sites)
    writer = "-".join([factory.ingest.writer, *sorted(set(sites))])
    return replace(factory, sources=chosen, ingest=replace(factory.ingest, writer=writer))
