"""Devices as they were met, and the rules that they broke: what the store that forgets keeps of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from connectors.stores import _tally
from connectors.stores._codec import clean_finding, clean_newcomer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twin.ports import FindingCount, Newcomer


class Met:
    """Newcomers and findings (mutable, guarded by the store's lock)."""

    def __init__(self) -> None:
        self._newcomers: dict[tuple[str, str], Newcomer] = {}
        self._findings: dict[tuple[str, str, str], FindingCount] = {}

    def take(self, newcomers: Iterable[Newcomer], findings: Iterable[FindingCount]) -> None:
        """Add those of a commit."""
        for newcomer in map(clean_newcomer, newcomers):
            key = (newcomer.source, newcomer.asset)
            known = self._newcomers.setdefault(key, newcomer)
            if newcomer.announced:
                self._newcomers[key] = replace(
                    newcomer, first_ns=known.first_ns, topic=known.topic, stream=known.stream, signals=known.signals
                )
        for finding in map(clean_finding, findings):
            self._find(finding)

    def _find(self, finding: FindingCount) -> None:
        key = (finding.source, finding.device, finding.rule)
        if key not in self._findings:
            known = sum(source == finding.source for source, _, _ in self._findings)
            if known >= _tally.FINDINGS_PER_SOURCE:
                finding = _tally.without_room(finding)
                key = (finding.source, *_tally.MORE)
        before = self._findings.get(key)
        if before is not None:
            finding = replace(
                finding,
                count=before.count + finding.count,
                first_ns=min(before.first_ns, finding.first_ns),
                last_ns=max(before.last_ns, finding.last_ns),
            )
        self._findings[key] = finding

    def newcomers(self) -> list[Newcomer]:
        """The newest first."""
        return sorted(self._newcomers.values(), key=lambda one: (-one.first_ns, one.source, one.asset))

    def findings(self, source: str, device: str) -> list[FindingCount]:
        """By source, device and rule; "" for all."""
        return [
            one
            for _, one in sorted(self._findings.items())
            if one.source == (source or one.source) and one.device == (device or one.device)
        ]
