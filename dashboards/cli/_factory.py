"""Where the factory file is that a command needs and was not told of."""

from __future__ import annotations

from pathlib import Path


def factory_beside(url: str) -> Path | None:
    """The factory file in the folder of a store's file, or above it; None where there is none."""
    if not url.startswith("sqlite:///"):
        return None
    folder = Path(url.removeprefix("sqlite:///")).resolve().parent
    return next((one for one in (folder / "factory.toml", folder.parent / "factory.toml") if one.is_file()), None)
