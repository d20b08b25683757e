"""What models need besides the base installation, and what to install where it is not there."""

from __future__ import annotations

import importlib
from typing import Any

from twin.errors import NotInstalled

INSTALL = "pip install 'factory-twin[models]'"


def needs(module: str) -> Any:
    """A module of the extra ``models``; raises NotInstalled where it is not there."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0].replace("sklearn", "scikit-learn")
        raise NotInstalled(f"anomaly models need {package}, which is not installed", INSTALL) from error


def is_there(module: str) -> bool:
    """Whether a module of the extra is installed."""
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True
