"""What is found: a check, a verdict, the figure, the threshold and why; never one number for all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Verdict(StrEnum):
    """How a finding weighs, the heaviest first."""

    DEFECT = "defect"
    """Not to be learned from: exports refuse it."""
    RISK = "risk"
    """To be known by who uses it."""
    NOT_ASSESSED = "not_assessed"
    """The data do not allow to tell."""
    CHARACTERISTIC = "characteristic"
    """A fact, neither good nor bad."""


class Check(StrEnum):
    """What is looked at."""

    RATE = "rate"
    JITTER = "jitter"
    GAPS = "gaps"
    NAN = "nan"
    STUCK = "stuck"
    RANGE = "range"
    LIMIT = "limit"
    SKEW = "skew"
    LAG = "lag"
    IDLE = "idle"
    SPARC = "sparc"
    LDLJ = "ldlj"
    DUPLICATE = "duplicate"
    COVERAGE = "coverage"
    AMOUNT = "amount"
    BALANCE = "balance"


class Axis(StrEnum):
    """The three axes of the Korean guideline for training data: 유효성, 정확성, 다양성."""

    VALIDITY = "validity"
    ACCURACY = "accuracy"
    DIVERSITY = "diversity"


AXES: Mapping[Check, Axis] = {
    Check.RATE: Axis.VALIDITY,
    Check.JITTER: Axis.VALIDITY,
    Check.GAPS: Axis.VALIDITY,
    Check.NAN: Axis.VALIDITY,
    Check.STUCK: Axis.ACCURACY,
    Check.RANGE: Axis.ACCURACY,
    Check.LIMIT: Axis.ACCURACY,
    Check.SKEW: Axis.ACCURACY,
    Check.LAG: Axis.ACCURACY,
    Check.IDLE: Axis.DIVERSITY,
    Check.SPARC: Axis.ACCURACY,
    Check.LDLJ: Axis.ACCURACY,
    Check.DUPLICATE: Axis.DIVERSITY,
    Check.COVERAGE: Axis.DIVERSITY,
    Check.AMOUNT: Axis.DIVERSITY,
    Check.BALANCE: Axis.DIVERSITY,
}
"""Which axis each check speaks of: validity is that rows are there and in order, accuracy that they tell the truth."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. ``where`` is a signal, a stream, a task or an episode; ``figure`` and ``threshold`` in ``unit``.

    ``threshold`` is the one that was crossed; None where none was. ``why`` is one sentence for people.
    """

    check: Check
    verdict: Verdict
    where: str
    figure: float | None = None
    threshold: float | None = None
    unit: str = ""
    why: str = ""

    def row(self) -> dict[str, object]:
        """As JSON."""
        return {
            "check": self.check.value, "axis": AXES[self.check].value, "verdict": self.verdict.value,
            "where": self.where, "figure": self.figure, "threshold": self.threshold, "unit": self.unit,
            "why": self.why,
        }  # fmt: skip


_WEIGHT = {verdict: n for n, verdict in enumerate(Verdict)}


def worst(found: Iterable[Finding]) -> Verdict:
    """The heaviest of a defect and a risk; a characteristic where there is neither."""
    heavy = [one.verdict for one in found if one.verdict in (Verdict.DEFECT, Verdict.RISK)]
    return min(heavy, key=_WEIGHT.__getitem__, default=Verdict.CHARACTERISTIC)


def by_axis(found: Iterable[Finding]) -> dict[Axis, list[Finding]]:
    """The findings of each axis, the heaviest first."""
    axes: dict[Axis, list[Finding]] = {axis: [] for axis in Axis}
    for one in sorted(found, key=lambda one: _WEIGHT[one.verdict]):
        axes[AXES[one.check]].append(one)
    return axes


def summary_of(found: Iterable[Finding]) -> str:
    """One line that a label holds: ``defect gaps,nan; risk jitter; characteristic rate`` (see `told_by`)."""
    heaviest: dict[Check, Verdict] = {}
    for one in found:
        before = heaviest.get(one.check, one.verdict)
        heaviest[one.check] = min(before, one.verdict, key=_WEIGHT.__getitem__)
    parts = {verdict: [check.value for check, told in heaviest.items() if told is verdict] for verdict in Verdict}
    return "; ".join(f"{verdict.value} {','.join(checks)}" for verdict, checks in parts.items() if checks)


def told_by(summary: str) -> dict[Check, Verdict]:
    """What such a line says of each check; what is not understood (a person's own words) is left out."""
    told: dict[Check, Verdict] = {}
    for part in summary.split(";"):
        verdict, _, checks = part.strip().partition(" ")
        if verdict in set(Verdict):
            told |= {Check(check): Verdict(verdict) for check in checks.split(",") if check in set(Check)}
    return told


def heaviest(summary: str) -> str:
    """``defect``, ``risk`` or ``characteristic`` of such a line; "" for none."""
    told = set(told_by(summary).values())
    if not told:
        return ""
    return next((one.value for one in (Verdict.DEFECT, Verdict.RISK) if one in told), Verdict.CHARACTERISTIC.value)
