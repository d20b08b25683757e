"""`twin …` as a person types it, in this process: a hundred commands must not start a hundred interpreters."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from dashboards.cli import app, exit_code_of
from twin.errors import TwinError


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended; what no command may end with is raised."""

    returncode: int
    stdout: str
    stderr: str


def twin(*arguments: object, said: str | bytes = "", cwd: Path | str = ".", **environ: str) -> Said:
    """Run one command with that on its standard input; settings of this machine (``TWIN__…``) do not count."""
    cleared = {name: None for name in os.environ if name.startswith("TWIN__")}
    with contextlib.chdir(cwd):
        done = CliRunner().invoke(app, [str(one) for one in arguments], input=said, env={**cleared, **environ})
    if isinstance(done.exception, TwinError):
        return Said(exit_code_of(done.exception), done.stdout, f"{done.stderr}{done.exception}\n")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Said(done.exit_code, done.stdout, done.stderr)
