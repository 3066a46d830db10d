"""The table of results in docs/reliability.md."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from chaos.run import Outcome

BEGIN, END = "<!-- chaos: begin -->", "<!-- chaos: end -->"
#: Events that runs count, with their names in the table.
_NAMES = {
    "orchestrator_killed": "orchestrators killed with SIGKILL",
    "worker_killed": "workers killed in the middle",
    "lost_response": "answers lost after the work was done",
    "throttled": "requests throttled",
    "unavailable": "requests refused by a service that was down",
    "corrupted": "stored chunks cut short or changed",
    "storage_error": "calls of a storage that failed",
    "disk_full": "writes for which the disk was full",
}


def write_table(page: Path, outcomes: Sequence[Outcome], *, seconds: float) -> None:
    """Replace a page's results by those of some runs."""
    text = page.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = "\n".join(_lines(outcomes, seconds=seconds))
    page.write_text(f"{before}{BEGIN}\n{lines}\n{END}{after}", "utf-8")


def _lines(outcomes: Sequence[Outcome], *, seconds: float) -> list[str]:
    happened = sum((outcome.happened for outcome in outcomes), Counter[str]())
    states = Counter(outcome.state for outcome in outcomes)
    kinds = Counter(kind for outcome in outcomes for kind in outcome.trouble.kinds)
    first, last = outcomes[0].seed, outcomes[-1].seed
    chunks = sum(outcome.chunks for outcome in outcomes)
    bad = sum(bool(outcome.faults) for outcome in outcomes)
    return [
        f"`make chaos`, seeds {first} to {last}, {seconds:.0f} s:",
        "",
        "| | |",
        "|---|---|",
        f"| runs, and chunks in them | {len(outcomes)}, {chunks} |",
        f"| completed with the right frames | {states['completed']} |",
        f"| failed with the true cause, a command that can't succeed | {states['failed']} |",
        f"| **runs in which something was lost, left or wrong** | **{bad}** |",
        f"| chunks rendered | {happened['render']} |",
        f"| orchestrators started | {happened['began']} |",
        *(f"| {name} | {happened[kind]} |" for kind, name in _NAMES.items()),
        f"| runs with clocks that jump by hours | {kinds['clock_jumps']} |",
        f"| runs with two orchestrators at one job | {kinds['second']} |",
        f"| runs with slow workers, with slow storage | {kinds['slow']}, {kinds['storage_slow']} |",
    ]
