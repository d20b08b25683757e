"""The gate before an export: episodes with defects stay, unless they are asked for by name of what they are."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from connectors.quality.judging import judge_all
from twin.errors import EpisodeError
from twin.quality import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from twin.config import Factory
    from twin.episodes import Episode
    from twin.ports import History
    from twin.sample import Stream

MANIFEST = "SHA256SUMS"


def gate(
    history: History,
    streams: Mapping[str, Sequence[Stream]],
    episodes: Iterable[Episode],
    factory: Factory | None,
    *,
    allow_defects: bool,
) -> bool:
    """Whether any of the episodes, as they are stored now, has a defect; raises EpisodeError naming each otherwise.

    They are assessed anew: what a label said earlier may be of other thresholds, or of data that came late.
    """
    judged = judge_all(history, streams, episodes, factory)
    wrong = judged.defective
    if not wrong or allow_defects:
        return bool(wrong)
    lines = [
        f"  {one.episode.id}  {each.check.value} at {each.where}: "
        + ("" if each.figure is None or each.threshold is None else f"{each.figure:.4g} > {each.threshold:.4g}, ")
        + each.why
        for one in wrong
        for each in one.findings
        if each.verdict is Verdict.DEFECT
    ]
    raise EpisodeError(
        f"{len(wrong)} of {len(judged.episodes)} episodes have defects\n" + "\n".join(lines) + "\n",
        "run `twin episodes quality` and export --episodes quality!=defect, or say --allow-defects",
    )


def manifest_of(folder: Path) -> str:
    """SHA-256 (hexadecimal) of a dataset's manifest, which holds those of all its other files."""
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
