"""Reports of a job that doesn't exist."""

from datetime import UTC, datetime
from typing import Any

from orchestrator.report.report import ChunkReport, Report, VideoFacts


def a_report(*, chunks: int = 2, **facts: Any) -> Report:
    now = datetime.now(UTC)
    whole: dict[str, Any] = {
        "generated_at": now,
        "begin": now,
        "id": "job",
        "state": "running",
        "where": "local",
        "created_at": now,
        "video": VideoFacts(frames=20, fps=10, width=16, height=9, duration=2),
        "frames_done": 0,
        "chunks": [ChunkReport(id=n, start_frame=10 * n, frames=10) for n in range(chunks)],
    }
    return Report(**whole | facts)
