"""Where messages come from: one file, one kind of source.

A source module offers ``Source``, made as ``Source(config, surroundings)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin.clock import Clock
    from twin.config import BrokerConfig


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a source may need besides its own configuration.

    ``client_id`` is stable over restarts. ``expects_session`` says that this source has been heard
    before, so that a broker without its session means that queued messages are gone.
    """

    broker: BrokerConfig
    client_id: str
    clock: Clock
    expects_session: bool = False
