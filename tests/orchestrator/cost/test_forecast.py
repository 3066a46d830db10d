"""What a render will use, before it does."""

import asyncio
from pathlib import Path

import pytest

from helios.contract.job_spec import JobSpec
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import CommandFailed
from helios.process.output_capture import OutputCallback
from orchestrator.adapters import WorkerAdapter
from orchestrator.cost.forecast import (
    Pace,
    expected_seconds,
    expected_usage,
    measured_pace,
    recorded_pace,
)
from tests.orchestrator.cost.test_cost import chunk


def job(chunks: int, *, frames: int = 50) -> JobSpec:
    names = [f"{index}.mp4" for index in range(chunks)]
    return JobSpec.model_validate(
        {
            "metadata": {
                "totalFrames": chunks * frames,
                "fps": 10,
                "width": 16,
                "height": 9,
                "duration": chunks * frames / 10,
            },
            "chunks": [
                {
                    "id": index,
                    "startFrame": index * frames,
                    "frameCount": frames,
                    "outputFile": name,
                    "command": f"helios render composition -o {name}"
                    f" --start-frame {index * frames} --frame-count {frames}",
                }
                for index, name in enumerate(names)
            ],
            "mergeCommand": f"helios merge video.mp4 {' '.join(names)}",
        }
    )


class Renderer(WorkerAdapter):
    """Says that it renders so many frames a second after a start, and writes as many bytes."""

    def __init__(self, *, start: float, frame: float, exit_code: int = 0) -> None:
        self.jobs: list[WorkerJob] = []
        self._start, self._frame, self._exit_code = start, frame, exit_code

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        self.jobs.append(job)
        words = list(job.args)
        count = int(words[words.index("--frame-count") + 1])
        await asyncio.sleep(self._start)
        for frame in range(1, count + 1):
            await asyncio.sleep(self._frame)
            if on_output is not None:
                on_output("stderr", f"progress frame={frame} total={count} fps=1.0")
        Path(str(job.cwd), words[words.index("-o") + 1]).write_bytes(bytes(100 * count))
        return WorkerResult(exit_code=self._exit_code)


def test_a_plan_is_frames_and_starts() -> None:
    pace = Pace(seconds_a_frame=0.1, start_seconds=2, bytes_a_frame=1000)

    usage = expected_usage(job(4), pace)

    assert usage.chunk_seconds == pytest.approx(200 * 0.1 + 4 * 2)
    assert (usage.chunks, usage.invocations) == (4, 4)
    assert usage.chunk_bytes == usage.output_bytes == 200_000
    assert usage.merge_seconds > 3


def test_more_chunks_at_once_take_less_time_until_there_is_one_round() -> None:
    pace = Pace(seconds_a_frame=0.1, start_seconds=2, bytes_a_frame=0)
    seconds = [expected_seconds(job(8), pace, concurrency=at_once) for at_once in (1, 4, 8, 100)]

    assert seconds == pytest.approx([8 * 7 + 3, 2 * 7 + 3, 7 + 3, 7 + 3])


async def test_a_sample_from_the_middle_tells_frames_from_the_start(tmp_path: Path) -> None:
    renderer = Renderer(start=0.3, frame=0.01)

    pace = await measured_pace(job(3), tmp_path, renderer)

    (sample,) = renderer.jobs
    assert " ".join(sample.args) == (
        "render composition -o sample.mp4 --start-frame 50 --frame-count 24"
    )
    assert pace.seconds_a_frame == pytest.approx(0.01, rel=0.8)
    assert pace.start_seconds == pytest.approx(0.3, rel=0.8)
    assert pace.bytes_a_frame == 100
    assert "24 frames" in pace.source


async def test_a_sample_that_fails_says_so(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="24 frames for a sample"):
        await measured_pace(job(1), tmp_path, Renderer(start=0, frame=0, exit_code=1))


def test_an_earlier_render_tells_the_pace_of_its_workers() -> None:
    pace = recorded_pace([chunk(0, seconds=2, size=500), chunk(1, seconds=4, size=700)], "r")

    assert pace.seconds_a_frame == pytest.approx(0.3)
    assert pace.bytes_a_frame == 60
    assert pace.start_seconds == 0
