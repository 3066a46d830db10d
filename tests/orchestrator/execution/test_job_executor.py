import asyncio
import json
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from helios.contract.job_spec import JobSpec
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import (
    EXIT_FAILED,
    EXIT_REFUSED,
    AssetMissing,
    BrowserCrashed,
    Cancelled,
    ChunkNotFound,
    ChunkOutputInvalid,
    CommandInvalid,
    HeliosError,
    JobFailed,
    JobPaused,
    JobStopped,
    MergeFailed,
    OptionInvalid,
    StitchFailed,
    report,
)
from helios.process.output_capture import OutputCallback
from helios.records.encoded_ends import EncodedEnds
from helios.stitcher.base import VideoStitcher
from orchestrator.adapters import LocalWorkerAdapter, WorkerAdapter
from orchestrator.execution.job_executor import JobExecutor
from orchestrator.model.events import (
    ChunkFailed,
    ChunkFinished,
    ChunkRetrying,
    ChunkStarted,
    ChunkStopped,
    Event,
    FrameProgress,
    LogLine,
    MergeFinished,
    MergeStarted,
)
from orchestrator.model.settings import RunSettings
from orchestrator.scheduling.retry import RetryPolicy

MERGE = "helios merge video.mp4 part_0.mov"
CRASH = WorkerResult(exit_code=1, stderr="log\n" + report(BrowserCrashed("the browser is gone")))
REFUSAL = WorkerResult(exit_code=2, stderr="error[OPTION_INVALID]: fps: 0\n")


def a_spec(
    chunks: int = 4, *, command: str = "helios render {id}", merge_command: str = MERGE
) -> JobSpec:
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
                "outputFile": f"part_{index}.mov",
                "command": command.format(id=index),
            }
            for index in range(chunks)
        ],
        "mergeCommand": merge_command,
    }
    return JobSpec.parse(json.dumps(value))


class ScriptedAdapter(WorkerAdapter):
    """Answers from a script: the results of a chunk's attempts in turn, success after that."""

    def __init__(
        self, script: dict[int | None, list[WorkerResult | HeliosError]] | None = None
    ) -> None:
        self.jobs: list[WorkerJob] = []
        self.most_at_once = 0
        self._running = 0
        self._script = script or {}

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        self.jobs.append(job)
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)
        await asyncio.sleep(0)
        self._running -= 1
        answers = self._script.get(job.meta.get("chunkId"))
        answer = answers.pop(0) if answers else WorkerResult(exit_code=0)
        if isinstance(answer, HeliosError):
            raise answer
        return answer

    @property
    def chunk_ids(self) -> list[int | None]:
        return [job.meta.get("chunkId") for job in self.jobs]


class RecordingStitcher(VideoStitcher):
    def __init__(self, fault: HeliosError | None = None) -> None:
        self.calls: list[tuple[list[Path], Path]] = []
        self._fault = fault

    async def stitch(self, inputs: Sequence[Path], output: Path) -> None:
        self.calls.append((list(inputs), output))
        if self._fault:
            raise self._fault


async def no_sleep(seconds: float) -> None:
    await asyncio.sleep(0)


def execute(adapter: WorkerAdapter, spec: JobSpec, **options: Any) -> Any:
    chosen = {name: options.pop(name) for name in RunSettings.model_fields if name in options}
    settings = RunSettings.of(**{"concurrency": 2, **chosen})
    options = {"job_dir": Path("job"), **options}
    return asyncio.run(JobExecutor(adapter, sleep=no_sleep).execute(spec, settings, **options))


def test_all_chunks_run_then_the_merge() -> None:
    adapter = ScriptedAdapter()
    progress: list[tuple[int, int]] = []
    result = execute(adapter, a_spec(), on_progress=lambda *seen: progress.append(seen))
    assert adapter.chunk_ids == [0, 1, 2, 3, None]
    assert adapter.jobs[-1].args == ["merge", "video.mp4", "part_0.mov"]
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (result.merged, result.output) == (True, Path("job/video.mp4"))
    assert {outcome.chunk_id for outcome in result.chunks} == {0, 1, 2, 3}


def test_a_job_tells_the_adapter_what_it_needs_beside_the_command() -> None:
    adapter = ScriptedAdapter({0: [CRASH]})
    events: list[Event] = []
    execute(
        adapter, a_spec(1), job_path="s3://b/job.json", chunk_timeout=9.0, on_event=events.append
    )
    assert [each.time_limit for each in events if isinstance(each, ChunkFinished)] == [9.0]
    first, second, merge = adapter.jobs
    assert (first.command, first.args, first.cwd, first.timeout) == (
        "helios",
        ["render", "0"],
        "job",
        9.0,
    )
    assert first.meta == {
        "action": "chunk",
        "chunkId": 0,
        "attempt": 1,
        "jobPath": "s3://b/job.json",
        "outputFile": "part_0.mov",
    }
    assert second.meta["attempt"] == 2
    assert merge.meta == {"action": "merge", "attempt": 1, "jobPath": "s3://b/job.json"}


@pytest.mark.parametrize(("workers", "ours", "limit"), [(900.0, 60.0, 60.0), (5.0, 60.0, 5.0)])
def test_the_limit_of_a_chunk_is_the_shorter_of_the_workers_and_of_the_settings(
    workers: float, ours: float, limit: float
) -> None:
    events: list[Event] = []
    adapter = ScriptedAdapter({0: [WorkerResult(exit_code=0, time_limit=workers)]})
    execute(adapter, a_spec(1), chunk_timeout=ours, on_event=events.append)
    assert [each.time_limit for each in events if isinstance(each, ChunkFinished)] == [limit]


@pytest.mark.parametrize("concurrency", [1, 3, 100])
def test_no_more_chunks_run_at_once_than_allowed(concurrency: int) -> None:
    adapter = ScriptedAdapter()
    execute(adapter, a_spec(20), concurrency=concurrency)
    assert adapter.most_at_once == min(concurrency, 20)


def test_a_transient_failure_is_retried() -> None:
    adapter = ScriptedAdapter({1: [CRASH, BrowserCrashed("no answer")]})
    events: list[Event] = []
    result = execute(adapter, a_spec(2), on_event=events.append)
    retries = [event for event in events if isinstance(event, ChunkRetrying)]
    assert [(event.chunk_id, event.attempt) for event in retries] == [(1, 1), (1, 2)]
    assert {outcome.chunk_id: outcome.attempts for outcome in result.chunks} == {0: 1, 1: 3}


def test_a_failure_that_cannot_heal_is_not_tried_again() -> None:
    adapter = ScriptedAdapter({0: [REFUSAL]})
    with pytest.raises(JobFailed) as caught:
        execute(adapter, a_spec(1))
    assert caught.value.details == ("chunk 0: OPTION_INVALID after 1 attempt: fps: 0",)


def test_after_the_last_try_the_job_fails_with_a_line_for_each_chunk() -> None:
    adapter = ScriptedAdapter({0: [CRASH] * 9, 1: [CRASH] * 9})
    events: list[Event] = []
    with pytest.raises(JobFailed) as caught:
        execute(adapter, a_spec(2), retries=1, on_event=events.append)
    assert len(adapter.jobs) == 4
    assert [line.split(" after")[0] for line in caught.value.details] == [
        "chunk 0: BROWSER_CRASHED",
        "chunk 1: BROWSER_CRASHED",
    ]
    assert sum(isinstance(event, ChunkFailed) for event in events) == 2


def test_a_failure_is_told_with_its_details_its_hint_and_what_was_said_before() -> None:
    error = AssetMissing("2 files are missing", hint="Add them.", details=["a.png", "b.png"])
    stderr = f"page[frame 1] error: no\nprogress frame=1 total=10 fps=2.0\n{report(error)}\n"
    adapter = ScriptedAdapter({0: [WorkerResult(exit_code=2, stderr=stderr)]})
    with pytest.raises(JobFailed) as caught:
        execute(adapter, a_spec(1))
    assert caught.value.details[0].splitlines() == [
        "chunk 0: ASSET_MISSING after 1 attempt: 2 files are missing",
        "    a.png",
        "    b.png",
        "    stderr: page[frame 1] error: no",
    ]
    assert caught.value.hint == "Add them."


def test_a_job_is_only_worth_another_try_if_one_of_its_failures_is() -> None:
    with pytest.raises(JobFailed) as caught:
        execute(ScriptedAdapter({0: [REFUSAL]}), a_spec(1))
    assert caught.value.exit_code == EXIT_REFUSED
    with pytest.raises(JobFailed) as caught:
        execute(ScriptedAdapter({0: [REFUSAL], 1: [CRASH]}), a_spec(2), retries=0)
    assert caught.value.exit_code == EXIT_FAILED
    with pytest.raises(MergeFailed) as merge:
        execute(ScriptedAdapter({None: [REFUSAL]}), a_spec(1))
    assert merge.value.exit_code == EXIT_REFUSED


def test_a_merge_command_that_no_program_can_be_started_with_is_refused_at_once() -> None:
    names = " ".join(f"chunks/part_{number:06d}.mov" for number in range(100_000))
    adapter, spec = ScriptedAdapter(), a_spec(1, merge_command=f"helios merge v.mp4 {names}")
    with pytest.raises(CommandInvalid, match="more arguments"):
        execute(adapter, spec)
    assert adapter.jobs == []
    assert execute(adapter, spec, merge=False).chunks
    assert execute(adapter, spec, stitcher=RecordingStitcher()).merged


def test_after_a_final_failure_nothing_new_begins_and_what_runs_is_waited_for() -> None:
    class OneFails(ScriptedAdapter):
        finished: list[int]

        async def execute(
            self, job: WorkerJob, *, on_output: OutputCallback | None = None
        ) -> WorkerResult:
            self.jobs.append(job)
            await asyncio.sleep(0.05)
            if job.meta["chunkId"] == 0:
                return REFUSAL
            await asyncio.sleep(0.05)
            self.finished.append(job.meta["chunkId"])
            return WorkerResult(exit_code=0)

    adapter = OneFails()
    adapter.finished = []
    with pytest.raises(JobFailed, match="1 of 10 chunks failed, 2 are done"):
        execute(adapter, a_spec(10), concurrency=3)
    assert adapter.chunk_ids == [0, 1, 2]
    assert adapter.finished == [1, 2]


def test_a_chunk_that_waits_for_its_next_try_gives_up_when_another_failed() -> None:
    adapter = ScriptedAdapter({0: [CRASH], 1: [CRASH, REFUSAL]})

    async def run() -> None:
        delays = iter([3600.0, 0.0])
        executor = JobExecutor(adapter, jitter=lambda: next(delays))
        await executor.execute(
            a_spec(2),
            RunSettings(concurrency=2, retry_delay=1, max_retry_delay=3600),
            job_dir=Path(),
        )

    with pytest.raises(JobFailed) as caught:
        asyncio.run(run())
    assert len(caught.value.details) == 2


def test_delays_double_up_to_the_limit_and_are_spread() -> None:
    policy = RetryPolicy(delay=1.0, max_delay=5.0)
    assert [policy.delay_after(attempt, 1.0) for attempt in (1, 2, 3, 4, 10_000)] == [1, 2, 4, 5, 5]
    assert policy.delay_after(3, 0.25) == 1.0


def test_delays_between_tries_are_slept() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    adapter = ScriptedAdapter({0: [CRASH] * 3})
    executor = JobExecutor(adapter, jitter=lambda: 0.5, sleep=sleep)
    asyncio.run(executor.execute(a_spec(1), RunSettings(concurrency=1, retries=3), job_dir=Path()))
    assert slept == [0.5, 1.0, 2.0]


def test_chunks_that_are_done_already_are_not_rendered_again() -> None:
    adapter = ScriptedAdapter()
    progress: list[tuple[int, int]] = []
    execute(
        adapter,
        a_spec(),
        completed_chunk_ids=[0, 2],
        on_progress=lambda *seen: progress.append(seen),
    )
    assert adapter.chunk_ids == [1, 3, None]
    assert progress == [(2, 4), (3, 4), (4, 4)]


def test_only_some_chunks_run_without_merge_unless_the_others_are_there() -> None:
    adapter = ScriptedAdapter()
    assert not execute(adapter, a_spec(), only=[3, 1]).merged
    assert adapter.chunk_ids == [1, 3]
    assert execute(adapter, a_spec(), only=[3, 1], completed_chunk_ids=[0, 2]).merged
    with pytest.raises(ChunkNotFound, match="chunk 9"):
        execute(adapter, a_spec(), only=[1, 9])


@pytest.mark.parametrize(
    "options",
    [{"concurrency": 0}, {"retries": -1}, {"retry_delay": -1.0}, {"chunk_timeout": 0.0}],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionInvalid):
        execute(ScriptedAdapter(), a_spec(), **options)


def test_cancelling_stops_running_chunks() -> None:
    cancelled: list[int] = []

    class Endless(WorkerAdapter):
        async def execute(
            self, job: WorkerJob, *, on_output: OutputCallback | None = None
        ) -> WorkerResult:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancelled.append(job.meta["chunkId"])
                raise
            return WorkerResult(exit_code=0)

    async def run() -> None:
        cancel = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, cancel.set)
        await JobExecutor(Endless()).execute(
            a_spec(), RunSettings(concurrency=3), job_dir=Path(), cancel=cancel
        )

    with pytest.raises(Cancelled):
        asyncio.run(run())
    assert sorted(cancelled) == [0, 1, 2]


def test_a_job_that_is_cancelled_before_it_begins_starts_nothing() -> None:
    adapter = ScriptedAdapter()

    async def run() -> None:
        cancel = asyncio.Event()
        cancel.set()
        await JobExecutor(adapter).execute(
            a_spec(), RunSettings(concurrency=1), job_dir=Path(), cancel=cancel
        )

    with pytest.raises(Cancelled):
        asyncio.run(run())
    assert adapter.jobs == []


def test_an_adapter_that_ignores_the_time_limit_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestrator.scheduling.worker_jobs.TIMEOUT_SLACK", 0.05)

    class Deaf(WorkerAdapter):
        async def execute(
            self, job: WorkerJob, *, on_output: OutputCallback | None = None
        ) -> WorkerResult:
            await asyncio.sleep(3600)
            return WorkerResult(exit_code=0)

    with pytest.raises(JobFailed) as caught:
        execute(Deaf(), a_spec(1), chunk_timeout=0.05, retries=0)
    assert caught.value.details[0].startswith("chunk 0: TIMEOUT after 1 attempt")


def test_a_mistake_in_an_adapter_is_not_swallowed() -> None:
    class Broken(WorkerAdapter):
        async def execute(
            self, job: WorkerJob, *, on_output: OutputCallback | None = None
        ) -> WorkerResult:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        execute(Broken(), a_spec())


def test_progress_lines_become_frames_of_the_whole_job_and_the_rest_log_lines() -> None:
    class Printing(WorkerAdapter):
        async def execute(
            self, job: WorkerJob, *, on_output: OutputCallback | None = None
        ) -> WorkerResult:
            if on_output and job.meta["action"] == "chunk":
                on_output("stdout", "progress frame=9 total=10 fps=1.0")
                on_output("stderr", "progress frame=4 total=10 fps=23.1")
                on_output("stderr", "progress frame=2 total=10 fps=23.1")
                on_output("stderr", "progress frame=99 total=10 fps=..")
                on_output("stderr", "progress of another kind")
            return CRASH if job.meta["attempt"] == 1 else WorkerResult(exit_code=0)

    events: list[Event] = []
    execute(Printing(), a_spec(2), concurrency=1, merge=False, on_event=events.append)
    frames = [event for event in events if isinstance(event, FrameProgress)]
    seen = [(event.chunk_id, event.frame, event.frames_done, event.fps) for event in frames]
    assert seen == [
        (0, 4, 4, 23.1),
        (0, 10, 10, None),
        (0, 4, 4, 23.1),
        (0, 10, 10, None),
        (1, 4, 14, 23.1),
        (1, 10, 20, None),
        (1, 4, 14, 23.1),
        (1, 10, 20, None),
    ]
    assert {event.frames_total for event in frames} == {20}
    lines = [event.text for event in events if isinstance(event, LogLine)]
    assert lines[:2] == ["progress frame=9 total=10 fps=1.0", "progress of another kind"]


def test_events_of_a_job_come_in_order() -> None:
    events: list[Event] = []
    execute(ScriptedAdapter({0: [CRASH]}), a_spec(1), on_event=events.append)
    assert [type(event) for event in events] == [
        ChunkStarted,
        ChunkRetrying,
        ChunkStarted,
        FrameProgress,
        ChunkFinished,
        MergeStarted,
        MergeFinished,
    ]


@pytest.mark.parametrize("options", [{"merge": False}, {}])
def test_a_job_without_merge_command_or_with_merge_off_is_not_merged(
    options: dict[str, Any],
) -> None:
    adapter = ScriptedAdapter()
    spec = a_spec(merge_command=MERGE if options else "")
    result = execute(adapter, spec, **options)
    assert (result.merged, result.output) == (False, None)
    assert None not in adapter.chunk_ids


def test_a_merge_adapter_runs_the_merge_alone() -> None:
    chunks, merge = ScriptedAdapter(), ScriptedAdapter()
    execute(chunks, a_spec(), merge_adapter=merge)
    assert (len(chunks.jobs), merge.chunk_ids) == (4, [None])


def test_a_stitcher_gets_the_outputs_in_the_order_of_time() -> None:
    adapter, stitcher = ScriptedAdapter(), RecordingStitcher()
    result = execute(adapter, a_spec(3), stitcher=stitcher, output_file=Path("/out/video.mp4"))
    inputs = [Path("job") / f"part_{index}.mov" for index in range(3)]
    assert stitcher.calls == [(inputs, Path("/out/video.mp4"))]
    assert result.output == Path("/out/video.mp4")
    assert None not in adapter.chunk_ids


def test_a_stitcher_without_output_file_writes_what_the_merge_command_names() -> None:
    stitcher = RecordingStitcher()
    execute(ScriptedAdapter(), a_spec(1), stitcher=stitcher)
    assert stitcher.calls[0][1] == Path("job/video.mp4")
    adapter = ScriptedAdapter()
    with pytest.raises(OptionInvalid, match="output file"):
        execute(adapter, a_spec(1, merge_command=""), stitcher=stitcher)
    assert adapter.jobs == []


def test_a_failing_merge_is_told_apart_from_failing_chunks() -> None:
    with pytest.raises(MergeFailed, match="the browser is gone"):
        execute(ScriptedAdapter({None: [CRASH] * 3}), a_spec())
    stitcher = RecordingStitcher(StitchFailed("sizes differ"))
    with pytest.raises(MergeFailed, match="sizes differ"):
        execute(ScriptedAdapter(), a_spec(), stitcher=stitcher)


def test_outputs_are_verified_before_the_merge() -> None:
    adapter = ScriptedAdapter()

    async def verify(spec: JobSpec, job_dir: Path) -> Mapping[int, EncodedEnds]:
        raise ChunkOutputInvalid(f"{job_dir / spec.chunks[0].output_file}: is missing")

    with pytest.raises(ChunkOutputInvalid, match=r"part_0\.mov"):
        execute(adapter, a_spec(), verify=verify)
    assert None not in adapter.chunk_ids


def test_ten_thousand_chunks_cost_little_time_and_memory() -> None:
    class Noop(WorkerAdapter):
        async def execute(
            self, job: WorkerJob, *, on_output: OutputCallback | None = None
        ) -> WorkerResult:
            return WorkerResult(exit_code=0)

    spec = a_spec(10_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    result = execute(Noop(), spec, concurrency=1000, on_event=lambda event: None)
    assert time.process_time() - started < 1
    assert len(result.chunks) == 10_000
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 50


def test_real_commands_are_streamed_retried_and_merged(tmp_path: Path) -> None:
    # The first attempt at each chunk fails; its mark makes the second succeed.
    command = (
        "sh -c 'echo progress frame=10 total=10 fps=5 >&2; "
        "[ -e mark_{id} ] && echo {id} > part_{id}.mov || {{ touch mark_{id}; exit 1; }}'"
    )
    spec = a_spec(3, command=command, merge_command="sh -c 'cat part_*.mov > video.txt'")
    adapter = LocalWorkerAdapter(allowed={"sh"})
    events: list[Event] = []
    collect: Callable[[Event], None] = events.append
    result = execute(adapter, spec, job_dir=tmp_path, on_event=collect)
    assert (tmp_path / "video.txt").read_text() == "0\n1\n2\n"
    assert {outcome.attempts for outcome in result.chunks} == {2}
    assert max(e.frames_done for e in events if isinstance(e, FrameProgress)) == 30


class SteeredAdapter(WorkerAdapter):
    """Runs each chunk until it is let go, and says what has begun."""

    def __init__(self, answers: dict[int | None, WorkerResult | HeliosError] | None = None) -> None:
        self.begun: list[int | None] = []
        self.gates: dict[int | None, asyncio.Event] = {}
        self._answers = answers or {}

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        chunk_id = job.meta.get("chunkId")
        self.begun.append(chunk_id)
        await self.gates.setdefault(chunk_id, asyncio.Event()).wait()
        answer = self._answers.get(chunk_id, WorkerResult(exit_code=0))
        if isinstance(answer, HeliosError):
            raise answer
        return answer

    def let_go(self, *chunk_ids: int | None) -> None:
        for chunk_id in chunk_ids:
            self.gates.setdefault(chunk_id, asyncio.Event()).set()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_pause_finishes_what_runs_and_begins_nothing_new() -> None:
    adapter, pause, events = SteeredAdapter(), asyncio.Event(), list[Event]()
    execution = asyncio.create_task(
        JobExecutor(adapter).execute(
            a_spec(4),
            RunSettings(concurrency=2),
            job_dir=Path("job"),
            pause=pause,
            on_event=events.append,
        )
    )
    await settle()
    pause.set()
    await settle()
    assert not execution.done()
    adapter.let_go(0, 1)
    with pytest.raises(JobPaused, match="2 of 4 chunks are done"):
        await execution
    assert adapter.begun == [0, 1]
    assert sum(isinstance(event, ChunkFinished) for event in events) == 2


async def test_a_pause_before_anything_begins_begins_nothing() -> None:
    adapter, pause = SteeredAdapter(), asyncio.Event()
    pause.set()
    with pytest.raises(JobPaused):
        await JobExecutor(adapter).execute(
            a_spec(4), RunSettings(concurrency=2), job_dir=Path("job"), pause=pause
        )
    assert adapter.begun == []


async def test_a_pause_ends_the_wait_for_a_further_try_which_is_no_failure() -> None:
    adapter, pause, events = SteeredAdapter({0: CRASH}), asyncio.Event(), list[Event]()
    adapter.let_go(0)
    execution = asyncio.create_task(
        JobExecutor(adapter, jitter=lambda: 1.0).execute(
            a_spec(1),
            RunSettings(concurrency=1, retry_delay=60),
            job_dir=Path("job"),
            pause=pause,
            on_event=events.append,
        )
    )
    await settle()
    pause.set()
    with pytest.raises(JobPaused):
        async with asyncio.timeout(60):
            await execution
    assert [type(event) for event in events] == [ChunkStarted, ChunkRetrying, ChunkStopped]


async def test_a_pause_does_not_hide_a_failure_for_good() -> None:
    adapter, pause = SteeredAdapter({0: REFUSAL}), asyncio.Event()
    execution = asyncio.create_task(
        JobExecutor(adapter).execute(
            a_spec(2), RunSettings(concurrency=1), job_dir=Path("job"), pause=pause
        )
    )
    await settle()
    pause.set()
    adapter.let_go(0)
    with pytest.raises(JobFailed):
        await execution


async def test_a_pause_lets_a_merge_that_has_begun_finish() -> None:
    adapter, pause = SteeredAdapter(), asyncio.Event()
    adapter.let_go(0, 1)
    execution = asyncio.create_task(
        JobExecutor(adapter).execute(
            a_spec(2), RunSettings(concurrency=2), job_dir=Path("job"), pause=pause
        )
    )
    await settle()
    assert adapter.begun[-1] is None
    pause.set()
    adapter.let_go(None)
    assert (await execution).merged


async def test_a_reason_to_stop_the_job_lets_finish_what_runs_and_ends_it() -> None:
    class Enough(JobStopped):
        code = "ENOUGH"

    events: list[Event] = []
    adapter = SteeredAdapter({1: Enough("that was enough")})
    execution = asyncio.create_task(
        JobExecutor(adapter).execute(
            a_spec(5), RunSettings(concurrency=3), job_dir=Path("job"), on_event=events.append
        )
    )
    await settle()
    adapter.let_go(1)
    await settle()
    assert not execution.done()
    adapter.let_go(0, 2)
    with pytest.raises(Enough):
        await execution
    assert adapter.begun == [0, 1, 2]
    assert ChunkStopped(1, 1) in events
    assert {e.chunk_id for e in events if isinstance(e, ChunkFinished)} == {0, 2}
