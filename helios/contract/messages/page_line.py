"""What a page logged or threw, as a line of a command's output."""

#: Levels of the console that say that something is wrong.
PROBLEMS = frozenset({"error", "assert", "warning"})


def page_line(frame: int | None, level: str, text: str, *, count: int = 1) -> str:
    """Return the line for a message that came `count` times; without frame: while it loaded."""
    where = "load" if frame is None else f"frame {frame}"
    times = f" ({count} times)" if count > 1 else ""
    return f"page[{where}] {level}: {text}{times}"
