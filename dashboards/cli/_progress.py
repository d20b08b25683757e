"""A bar of what is done, on stderr, where a person looks on."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def bar(text: str) -> Iterator[Callable[[float], None]]:
    """Gives a function to be told how much is done, 0…1; nothing is shown where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(text, total=1.0)
        yield lambda done: shown.update(task, completed=done)


@contextmanager
def lines() -> Iterator[Callable[[float], None]]:
    """The same for a program that looks on: one number a line, on stderr."""

    def tell(done: float) -> None:
        sys.stderr.write(f"{done:.4f}\n")
        sys.stderr.flush()

    yield tell


@contextmanager
def keeping_ctrl_c() -> Iterator[Callable[[], None]]:
    """Gives a function that raises KeyboardInterrupt once more where Ctrl-C was pressed.

    An exception that a signal raises inside a callback of the interpreter's own is written to stderr and lost.
    """
    pressed = False

    def press(number: int, frame: object) -> None:
        nonlocal pressed
        del number, frame
        pressed = True
        raise KeyboardInterrupt

    def look() -> None:
        if pressed:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, press)
    try:
        yield look
    finally:
        signal.signal(signal.SIGINT, before)


def yield_to_others() -> None:
    """Let every other process of this machine go first."""
    if hasattr(os, "nice"):
        os.nice(10)
