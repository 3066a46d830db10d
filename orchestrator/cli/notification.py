"""Tells the terminal that a long command has ended: a bell, and a notification of the desktop."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TextIO

from helios.errors import Cancelled, HeliosError

#: Seconds up to which a command isn't long: its user still looks at it.
LONG = 10.0
_BELL = "\a"
_ESCAPE, _END = "\x1b]", "\x1b\\"


@contextlib.contextmanager
def notifying(wanted: bool, subject: str, *, long: float = LONG) -> Iterator[None]:
    """Notify the terminal once what runs in the context has ended or failed, if that took long.

    A command that its user stops, or whose errors don't go to a terminal, notifies of nothing.

    Args:
        wanted: Whether to notify at all.
        subject: The result that is waited for.
    """
    began = time.monotonic()
    said = f"{subject}: finished"
    try:
        yield
    except (Cancelled, asyncio.CancelledError):
        wanted = False
        raise
    except HeliosError as error:
        said = f"{subject}: failed, {error.code}"
        raise
    finally:
        if wanted and time.monotonic() - began >= long and sys.stderr.isatty():
            notify(said, sys.stderr, os.environ)


def notify(text: str, terminal: TextIO, env: Mapping[str, str]) -> None:
    """Write a bell and a notification; terminals that know none of them ignore it.

    OSC 777 is that of VTE's terminals, foot and rxvt, OSC 9 that of iTerm2, WezTerm, kitty,
    Ghostty and Windows Terminal.
    """
    # A name may hold anything, but control characters would end the sequence.
    text = "".join(each if each.isprintable() else "?" for each in text)
    if "VTE_VERSION" in env or env.get("TERM", "").startswith(("foot", "rxvt")):
        sequence = f"777;notify;orchestrator;{text.replace(';', ',')}"
    else:
        sequence = f"9;{text}"
    terminal.write(f"{_BELL}{_ESCAPE}{sequence}{_END}")
    terminal.flush()
