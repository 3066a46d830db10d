"""The display for a program, a person, or a log."""

import os
import sys

from orchestrator.display.display import Display
from orchestrator.display.json_display import JsonDisplay
from orchestrator.display.line_display import LineDisplay


def choose_display(*, as_json: bool, verbose: bool) -> Display:
    """Return a display: JSON if asked for, a bar on a terminal, otherwise plain lines."""
    if as_json:
        return JsonDisplay()
    if not (sys.stderr.isatty() or os.environ.get("FORCE_COLOR")):
        return LineDisplay(verbose=verbose)
    # Loads rich, which programs and logs don't need.
    from rich.console import Console  # noqa: PLC0415

    from orchestrator.display.bar_display import BarDisplay  # noqa: PLC0415

    console = Console(stderr=True, highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return BarDisplay(console, verbose=verbose)
    return LineDisplay(verbose=verbose)
