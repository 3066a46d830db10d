"""Runs of a detached render: the first one, and those that rendered the missing chunks."""

import json
import re
from collections.abc import Collection

from helios.storage import ArtifactStorage

#: What the keys of further runs' chunk lists begin with, in a job's folder.
RUNS = "runs/"
#: What the names of further runs' executions have after the render's id.
SUFFIX = "--run"
_KEY = re.compile(rf"{RUNS}([0-9]{{1,6}})\.json")
_NAME = re.compile(rf"(?P<job>.+){SUFFIX}(?P<run>[0-9]{{1,6}})")


async def latest_run(folder: ArtifactStorage) -> int:
    """Return the number of a render's latest run; 1 for the first."""
    found = (_KEY.fullmatch(stored.key) for stored in await folder.list(RUNS))
    return max((int(match[1]) for match in found if match), default=1)


async def claim_run(folder: ArtifactStorage, run: int, chunks: Collection[int]) -> str:
    """Store which chunks a run renders, and return the list's key in the job's folder.

    Of several clients at once, the first one decides. In the list, chunks are where they are in a
    job spec.
    """
    key = f"{RUNS}{run}.json"
    await folder.create(key, json.dumps({"chunks": [{"id": id_} for id_ in chunks]}).encode())
    return key


def run_name(job_id: str, run: int) -> str:
    """Return the name of a run's execution."""
    return job_id if run == 1 else f"{job_id}{SUFFIX}{run}"


def parse_name(name: str) -> tuple[str, int]:
    """Return the render that an execution of this name runs, and the number of the run."""
    found = _NAME.fullmatch(name)
    return (found["job"], int(found["run"])) if found else (name, 1)
