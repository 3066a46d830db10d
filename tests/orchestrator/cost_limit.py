"""A detached render that reaches its cost limit, as it looks from the command line."""

import re
from collections.abc import Callable
from pathlib import Path

from tests.orchestrator.conftest import Ended


def check_cost_limit(run: Callable[..., Ended], job: str | Path, gate: Path) -> None:
    """Start a job under a limit that it reaches, and resume it with a higher one.

    Args:
        run: Runs a command, and waits for its end.
        job: A job of two chunks that are rendered one after another.
        gate: A file until which its last chunk waits.
    """
    start = ("run", job, "--detach", "--request-id", "dear", "--concurrency", 1)
    refused = run(*start, "--max-cost", 0.00001)
    prices = re.search(
        r"cost \$(\d+\.\d+) .*each second after that \$(\d+\.\d+)", refused.stderr, re.DOTALL
    )
    assert prices, refused.stderr
    limit = float(prices[1]) + 12 * float(prices[2])

    started = run(*start, "--max-cost", limit)
    watched = run("watch", "dear", "--interval", 0.3)
    gate.touch()
    stopped = run("resume", "dear")
    resumed = run("resume", "dear", "--max-cost", 100)
    finished = run("watch", "dear", "--interval", 0.3)

    assert started.status == 0, started.stderr
    assert watched.status == 3, watched.stderr
    assert "error[COST_LIMIT]: job 'dear': failed" in watched.stderr
    assert "spent by list prices" in watched.stderr
    assert "--max-cost" in watched.stderr.partition("[COST_LIMIT]")[2]
    assert stopped.status == 2
    assert "reached its cost limit" in stopped.stderr
    assert (resumed.status, finished.status) == (0, 0), resumed.stderr + finished.stderr
