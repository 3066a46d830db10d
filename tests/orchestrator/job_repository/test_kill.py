"""Whatever a process was doing when it was killed, what it was told is written is there."""

import json
import random
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.job_repository import FileJobRepository
from orchestrator.model.job_chunk import ChunkState

from .jobs import a_job

WRITER = Path(__file__).with_name("busy_writer.py")


def run_and_kill(folder: Path, *, seed: int, after: int, delay: float) -> list[list[Any]]:
    """Kill a writer some moments after a line of its output, and return all that it said."""
    process = subprocess.Popen(
        [sys.executable, str(WRITER), str(folder), str(seed)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(after)]
    # The pipe holds what it says meanwhile.
    select.select([], [], [], delay)
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    lines += rest.splitlines(keepends=True)
    assert process.returncode == -signal.SIGKILL
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
async def test_nothing_that_was_written_is_lost_when_the_process_is_killed(
    tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    said = run_and_kill(
        tmp_path / "jobs", seed=seed, after=dice.randint(1, 60), delay=dice.random() * 0.05
    )
    revisions: dict[str, int] = {}
    done: dict[str, set[int]] = {}
    maybe: set[str] = set()
    for what, job_id, *facts in said:
        match what:
            case "creating" | "deleting":
                maybe.add(job_id)
            case "created":
                maybe.discard(job_id)
                revisions[job_id], done[job_id] = 0, set()
            case "deleted":
                maybe.discard(job_id)
                del revisions[job_id]
            case "saved":
                revisions[job_id] = facts[0]
            case "recorded":
                done[job_id] |= set(facts[0])

    kept = FileJobRepository(tmp_path / "jobs")
    listing = await kept.list()
    assert not listing.faults
    found = {job.id: job for job in listing.jobs}
    assert set(revisions) - maybe <= set(found) <= set(revisions) | maybe
    for job_id in found:
        assert await kept.holder(job_id) is None
        async with kept.claim(job_id) as claim:
            job = await claim.load()
            # Its first save isn't told.
            untold = 1 if revisions.get(job_id, 0) else 2
            assert 0 <= job.revision - revisions.get(job_id, 0) <= untold
            in_log = {c.id for c in job.chunks.values() if c.state is ChunkState.DONE}
            assert done.get(job_id, set()) <= in_log
            assert claim.damaged_lines <= 1
            await claim.delete()
    await kept.create(a_job("afterwards"))
    left = {path.name for path in (tmp_path / "jobs").iterdir()}
    assert left <= {"afterwards", ".index", ".index.new"}
