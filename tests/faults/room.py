"""Where brokers and databases of a run lie: in memory where there is room, so that runs side by side share no disk.

In these runs processes die, not machines: what was written is there whether or not a disk has it. What a
power cut leaves is tested with a model of its own (F12). ``TWIN_FAULTS_FOLDER`` names another place.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108  it is where folders of our own are made
_ROOM_BYTES = 2_000_000_000


def place() -> str:
    """The folder that runs make their folders in."""
    told = os.environ.get("TWIN_FAULTS_FOLDER")
    if told:
        return told
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > _ROOM_BYTES
    return str(MEMORY) if roomy else tempfile.gettempdir()


def new_folder(prefix: str) -> Path:
    """An empty folder; whoever asked for it removes it."""
    return Path(tempfile.mkdtemp(prefix=prefix, dir=place()))
