"""How a frame's ``seq`` is made up: the session's epoch, the message's count, and a place in the message."""

from __future__ import annotations

PLACE_BITS = 14
"""So many bits tell the frames of one stream in one message apart; a message holds no more values than that."""
