"""Alarm rules: what is abnormal, how urgent it is, and what an operator is to do about it.

ISA-18.2 / IEC 62682: every alarm has a consequence, an action, a priority, a limit, a deadband and delays.
Rules are frozen values. Those of an asset type stand in its file (`AssetType.alarms`); a site may give
an asset others of its own, and one of the same name takes the place of the type's (`rules_by_asset`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from twin.clock import NS_PER_S
from twin.errors import IdError
from twin.ids import segment
from twin.sample import Role
from twin.site import Name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin.sample import Signal
    from twin.site import Hub


LEAST_WITHIN_S = 8.0
"""The shortest window of a rate: it is looked at eight times in it, and no more often than each second."""


class Priority(IntEnum):
    """How soon an operator must act. Of all alarms about 5 % are high or critical, 15 % medium, 80 % low."""

    CRITICAL = 1
    HIGH = 2
    MEDIUM = 3
    LOW = 4


class Bound(StrEnum):
    """Which limit is passed."""

    HIHI = "HiHi"
    HI = "Hi"
    LO = "Lo"
    LOLO = "LoLo"

    @property
    def is_upper(self) -> bool:
        """Whether values above are abnormal."""
        return self in (Bound.HIHI, Bound.HI)


_SIGNS = {True: ">", False: "<"}


@dataclass(frozen=True, slots=True)
class On:
    """Which signals of an asset a rule looks at: the one of that name, or all of a role."""

    signal: str = ""
    role: Role = Role.NONE

    def takes(self, signal: Signal) -> bool:
        """Whether a signal is meant."""
        return signal.name == self.signal if self.signal else signal.role is self.role is not Role.NONE

    def told(self) -> str:
        """In words."""
        return self.signal or f"each {self.role}"


@dataclass(frozen=True, slots=True)
class Limit:
    """A number beyond a limit. Every frame is looked at, so that a spike of one sample is seen.

    ``value`` and ``deadband`` are in the signal's unit; the alarm ends when the number is back by the
    deadband. Without a ``value`` the limit is the signal's own ``high`` or ``low``, times ``share``; a
    signal without one has no alarm. ``magnitude`` looks at the number without its sign.
    """

    on: On
    bound: Bound
    value: float | None = None
    deadband: float = 0.0
    share: float = 1.0
    magnitude: bool = False

    def limit_for(self, signal: Signal) -> float | None:
        """The limit that holds for a signal."""
        own = signal.high if self.bound.is_upper else signal.low
        return self.value if self.value is not None else None if own is None else own * self.share

    def told(self) -> str:
        """In words."""
        own = ("its high" if self.bound.is_upper else "its low") + (f" × {self.share:g}" if self.share != 1.0 else "")
        name = f"size of {self.on.told()}" if self.magnitude else self.on.told()
        limit = own if self.value is None else f"{self.value:g}"
        return f"{self.bound}: {name} {_SIGNS[self.bound.is_upper]} {limit}, db {self.deadband:g}"


@dataclass(frozen=True, slots=True)
class Rate:
    """A number that changes faster than ``per_s`` a second, over the last ``within_s`` (`LEAST_WITHIN_S` or more).

    A negative ``per_s`` means falling. Looked at by what is newest, eight times a window; nothing is told
    before a whole window has passed, nor, of a counter that began again, until that lies a window back.
    """

    on: On
    per_s: float
    within_s: float

    def __post_init__(self) -> None:
        if self.within_s < LEAST_WITHIN_S:
            raise ValueError(f"a rate over {self.within_s} s cannot be told by looks a second apart")

    def told(self) -> str:
        """In words."""
        change = f"{abs(self.per_s) * self.within_s:g} in {self.within_s:g} s"
        return f"{self.on.told()} {'rises' if self.per_s >= 0 else 'falls'} by more than {change}"


@dataclass(frozen=True, slots=True)
class InState:
    """A state word among ``words`` (case counts for nothing)."""

    words: frozenset[str]
    on: On = On(role=Role.STATE)

    def told(self) -> str:
        """In words."""
        return f"{self.on.signal or self.on.role} is {' or '.join(sorted(self.words))}"


@dataclass(frozen=True, slots=True)
class Deviation:
    """``one`` minus ``other``, two numbers of the asset, beyond a limit. Looked at each second, by what is newest."""

    one: On
    other: On
    bound: Bound
    value: float
    deadband: float = 0.0

    def told(self) -> str:
        """In words."""
        gap = f"{self.one.told()} − {self.other.told()}"
        return f"{self.bound}: {gap} {_SIGNS[self.bound.is_upper]} {self.value:g}, db {self.deadband:g}"


@dataclass(frozen=True, slots=True)
class Stale:
    """The asset is silent: it is lost as the mirror tells; or, with ``stream``, that stream of it is stale."""

    stream: str = ""

    def told(self) -> str:
        """In words."""
        return f"stream {self.stream} is stale" if self.stream else "the asset is lost"


@dataclass(frozen=True, slots=True)
class Frozen:
    """A number that stays the same to the last digit for ``within_s``, while its stream goes on.

    For what is never still: a sensor whose last digit is noise. Looked at each second, by what is newest.
    """

    on: On
    within_s: float

    def told(self) -> str:
        """In words."""
        return f"{self.on.told()} stays the same to the last digit for {self.within_s:g} s"


@dataclass(frozen=True, slots=True)
class Missing:
    """A number that is absent, while its stream goes on. Looked at each second, by what is newest."""

    on: On

    def told(self) -> str:
        """In words."""
        return f"{self.on.told()} is absent"


@dataclass(frozen=True, slots=True)
class DeviceError:
    """What a device itself calls an error: ErrorRaised and ErrorCleared, one alarm an error.

    With ``on``, a text signal that says which error there is; words in ``none`` (and no word) mean that
    there is none.
    """

    on: On | None = None
    none: frozenset[str] = frozenset({"", "0", "none", "ok", "no_error", "[]"})

    def told(self) -> str:
        """In words."""
        return "the device tells of an error" if self.on is None else f"{self.on.told()} tells of an error"


Condition = Limit | Rate | InState | Deviation | Stale | Frozen | Missing | DeviceError


def limit_of(condition: Condition, signal: Signal | None) -> float | None:
    """The number that an alarm's value is compared with; of a rate, the change within its time. None: words."""
    if isinstance(condition, Limit):
        return condition.value if signal is None else condition.limit_for(signal)
    if isinstance(condition, Rate):
        return condition.per_s * condition.within_s
    return condition.value if isinstance(condition, Deviation) else None


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """One rule. ``name`` is its own within the asset; ``on_delay_s`` and ``off_delay_s`` run by the batches' ticks.

    A ``latching`` alarm stays after its cause has gone, until an operator resets it. Raises ValueError for
    a delay below 0 and IdError for a name that cannot be part of an id.
    """

    name: str
    condition: Condition
    priority: Priority
    label: Name
    consequence: Name
    action: Name
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0
    latching: bool = False

    def __post_init__(self) -> None:
        if segment(self.name) != self.name:
            raise IdError(self.name, "an alarm's id is asset:rule")
        if min(self.on_delay_s, self.off_delay_s) < 0:
            raise ValueError(f"rule {self.name}: a delay is below 0")

    @property
    def on_delay_ns(self) -> int:
        """How long the condition must last before there is an alarm."""
        return round(self.on_delay_s * NS_PER_S)

    @property
    def off_delay_ns(self) -> int:
        """How long the condition must be over before the alarm is."""
        return round(self.off_delay_s * NS_PER_S)


Rules = tuple[AlarmRule, ...]

SILENT = AlarmRule(
    "silent",
    Stale(),
    Priority.MEDIUM,
    Name("통신 두절", "No longer heard"),
    Name("이 설비의 상태를 알 수 없으며 화면의 값은 오래된 값입니다.", "Its state is unknown; what is shown is old."),
    Name(
        "설비 전원과 네트워크 케이블·무선 신호를 확인하고, 현장에서 설비를 직접 확인하십시오.",
        "Check its power and network; look at the machine itself until it is heard again.",
    ),
    on_delay_s=5.0,
)
"""The rule that every type has: an asset that falls silent."""


STUCK_AFTER_S = 600.0
"""A number that is never still and does not change for so long is not measured any more."""


def sensor_rules(on: On) -> tuple[AlarmRule, AlarmRule]:
    """The rules of a sensor whose last digit is never still: it is stuck, it is missing."""
    return (
        AlarmRule(
            "sensor_stuck",
            Frozen(on, STUCK_AFTER_S),
            Priority.LOW,
            Name("센서 값 고정", "Sensor stuck"),
            Name(
                "화면의 값이 실제와 다를 수 있고 이 값의 경보가 울리지 않습니다.",
                "What is shown may be wrong, and its limits are blind.",
            ),
            Name(
                "센서와 배선을 점검하고 휴대용 계측기로 값을 비교하십시오.",
                "Check sensor and wiring; compare with a hand-held gauge.",
            ),
        ),
        AlarmRule(
            "sensor_missing",
            Missing(on),
            Priority.MEDIUM,
            Name("센서 값 없음", "Sensor value missing"),
            Name(
                "설비는 통신 중이지만 이 값은 감시되지 않습니다.",
                "The machine is heard, but this value is not watched.",
            ),
            Name(
                "센서 커넥터와 입력 모듈을 확인하고 센서를 교체하십시오.",
                "Check the plug and the input module; replace the sensor.",
            ),
            on_delay_s=15.0,
            off_delay_s=30.0,
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RulesByAsset:
    """What gives an asset's rules. ``sha256`` tells whether two of them are the same."""

    listed: Mapping[str, Rules]
    sha256: str

    def __call__(self, asset: str) -> Rules:
        """The rules of an asset; none of one that nobody declared."""
        return self.listed.get(asset, ())


def rules_by_asset(hub: Hub, types: Mapping[str, Rules], own: Mapping[str, Rules] | None = None) -> RulesByAsset:
    """The rules of each declared asset: those of its type (by the type's name), and its ``own`` in their place."""
    listed: dict[str, Rules] = {}
    for asset, one in hub.assets().items():
        rules = {rule.name: rule for rule in types.get(one.type, ())}
        rules.update({rule.name: rule for rule in (own or {}).get(asset, ())})
        listed[asset] = tuple(rules[name] for name in sorted(rules))
    return rules_of_assets(listed)


def rules_of_assets(listed: Mapping[str, Rules]) -> RulesByAsset:
    """What gives the rules that are listed for each asset."""
    text = json.dumps(
        {asset: [[type(rule.condition).__name__, asdict(rule)] for rule in rules] for asset, rules in listed.items()},
        sort_keys=True,
        ensure_ascii=False,
        default=sorted,
    )
    return RulesByAsset(listed, hashlib.sha256(text.encode()).hexdigest())
