"""How far a long run is, on a terminal only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def shown(stream: TextIO) -> Iterator[Callable[[str, int, int], None]]:
    """Give what shows `12 of 40 files` on `stream`, and takes it away at the end."""
    if not stream.isatty():
        yield lambda what, done, total: None
        return
    from rich.console import Console

    with Console(file=stream).status("") as status:
        yield lambda what, done, total: status.update(f"{done} of {total} {what}")
