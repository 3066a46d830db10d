"""Writes jobs as fast as it can until it is killed, and says what it was told is written.

Run as `python busy_writer.py FOLDER SEED`; each line of its output is a JSON array.
"""

import asyncio
import json
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from helios.contract.job_spec import JobSpec
from orchestrator.job_repository import FileJobRepository
from orchestrator.model.job import Job
from orchestrator.model.job_chunk import ChunkState, JobChunk
from orchestrator.model.job_state import JobState
from orchestrator.model.location import JobLocation
from orchestrator.model.settings import RunSettings

CHUNKS = 40


def say(*facts: Any) -> None:
    print(json.dumps(facts), flush=True)


def a_spec() -> JobSpec:
    chunks = [
        {"id": n, "startFrame": n, "frameCount": 1, "outputFile": f"{n}.mp4", "command": "helios"}
        for n in range(CHUNKS)
    ]
    size = {"totalFrames": CHUNKS, "fps": 1, "width": 2, "height": 2, "duration": CHUNKS}
    return JobSpec.parse(json.dumps({"metadata": size, "chunks": chunks, "mergeCommand": ""}))


def batches(dice: random.Random) -> Iterator[list[JobChunk]]:
    for first in range(0, CHUNKS, 8):
        ids = range(first, first + 8)
        yield [JobChunk(id=n, state=ChunkState.RUNNING) for n in ids]
        yield [JobChunk(id=n, state=ChunkState.DONE) for n in dice.sample(ids, 8)]


async def write(kept: FileJobRepository, job_id: str, dice: random.Random) -> None:
    job = Job.new(
        a_spec(),
        location=JobLocation(job_path="job.json"),
        settings=RunSettings(concurrency=1),
        now=datetime.now(UTC),
        job_id=job_id,
    )
    say("creating", job_id)
    await kept.create(job)
    say("created", job_id)
    async with kept.claim(job_id) as claim:
        summary = await claim.save((await claim.load()).moved(JobState.RUNNING, at=job.created_at))
        for batch in batches(dice):
            await claim.record(batch)
            say("recorded", job_id, [chunk.id for chunk in batch if chunk.state == "done"])
            done = summary.chunks_done + 4
            summary = await claim.save(summary.model_copy(update={"chunks_done": done}))
            say("saved", job_id, summary.revision)
        if dice.random() < 0.3:
            say("deleting", job_id)
            await claim.delete()
            say("deleted", job_id)
            return
        summary = await claim.save(summary.moved(JobState.COMPLETED, at=job.created_at))
        say("saved", job_id, summary.revision)


async def main(folder: Path, seed: int) -> None:
    dice = random.Random(seed)
    kept = FileJobRepository(folder)
    for number in range(10_000):
        await write(kept, f"{seed}-{number}", dice)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
