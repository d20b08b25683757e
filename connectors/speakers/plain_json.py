"""JSON as gateways send it: arms as ROS JointState, everything else as objects in columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.encoders import columnar, joint_states
from connectors.speakers import Kept, Spoken, present

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from twin.sample import Frames


class Speaker:
    """Speaks for all assets that speak nothing else. Mutable: where each stream's count began.

    ``next_seq`` gives where a stream's count goes on after the last run.
    """

    def __init__(self, next_seq: Callable[[str], int]) -> None:
        self._next_seq = next_seq
        self._offsets: dict[str, int] = {}

    def hello(self, t_ns: int) -> Iterator[Spoken]:
        """Nothing: such devices do not announce themselves."""
        del t_ns
        return iter(())

    def say(self, frames: Sequence[Frames], until_ns: int, rows: int) -> Iterator[Spoken]:
        """Each stream by itself, ``rows`` samples a message."""
        del until_ns
        for part in frames:
            key = part.stream.id
            if key not in self._offsets:
                self._offsets[key] = self._next_seq(key)
            offset = self._offsets[key]
            values = present(part)
            encode = joint_states if part.stream.name == "joints" else columnar
            for topic, payload, taken in encode(part, offset, rows):
                first, last = int(part.seq[taken.start]) + offset, int(part.seq[taken.stop - 1]) + offset
                yield Spoken(
                    topic, payload, (Kept(key, taken.stop - taken.start, int(values[taken].sum()), first, last),)
                )

    def farewell(self, t_ns: int) -> Iterator[Spoken]:
        """Nothing."""
        del t_ns
        return iter(())
