"""Jobs to keep."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from helios.contract.job_spec import JobSpec
from orchestrator.model.job import Job
from orchestrator.model.job_chunk import Attempt, ChunkState, JobChunk
from orchestrator.model.location import JobLocation
from orchestrator.model.settings import RunSettings

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def a_spec(chunks: int = 3, **fields: Any) -> JobSpec:
    value = {
        "metadata": {
            "totalFrames": chunks * 10,
            "fps": 10,
            "width": 16,
            "height": 16,
            "duration": chunks,
        },
        "chunks": [
            {
                "id": index,
                "startFrame": index * 10,
                "frameCount": 10,
                "outputFile": f"chunks/{index:05}.mp4",
                "command": f"helios render page.html -o chunks/{index:05}.mp4",
            }
            for index in range(chunks)
        ],
        "mergeCommand": "helios merge video.mp4",
        **fields,
    }
    return JobSpec.parse(json.dumps(value))


def a_job(job_id: str | None = "job", *, chunks: int = 3, minutes: float = 0, **fields: Any) -> Job:
    return Job.new(
        a_spec(chunks, **fields),
        location=JobLocation(job_path="folder/job.json", job_dir="folder"),
        settings=RunSettings(concurrency=2),
        now=START + timedelta(minutes=minutes),
        job_id=job_id,
    )


def a_chunk(chunk_id: int, state: ChunkState = ChunkState.DONE, *, attempts: int = 1) -> JobChunk:
    tries = [
        Attempt(number=number + 1, started_at=START, duration_ms=1234.5, worker="local")
        for number in range(attempts)
    ]
    return JobChunk(id=chunk_id, state=state, attempts=tries)
