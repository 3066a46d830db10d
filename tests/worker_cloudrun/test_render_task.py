"""Tasks that render a whole video together, without a client."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from helios.contract.invocation import InvocationResponse
from helios.errors import InvocationInvalid, StorageInvalid
from helios.records.job_outcome import JobOutcome, read_outcome
from helios.storage import open_storage
from helios.worker.runtime import WorkerRuntime
from helios.worker.worker_config import WorkerConfig
from helios.worker.worker_log import WorkerLog
from tests.helios.network.test_download import serving
from tests.helios.worker_setup import WorkerSetup, drawing, make_spec
from worker_cloudrun.job.render_run import run_render_task
from worker_cloudrun.job.render_task import RenderTask

pytestmark = pytest.mark.slow

STARTED = datetime(2024, 5, 1, 12, tzinfo=UTC)
FAILS = "sh -c 'echo because >&2; exit 5'"
NEVER_WORKS = "forbidden --program"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WorkerSetup]:
    made = WorkerSetup(tmp_path, {"executables": frozenset({"helios", "ffmpeg", "ffprobe", "sh"})})
    yield made
    made.close()


def task(job_path: str, index: int = 0, **facts: Any) -> RenderTask:
    settings = {"execution": "render-abc", "started_at": STARTED, "count": 2, **facts}
    return RenderTask(job_path=job_path, index=index, **settings)


def run(site: WorkerSetup, *tasks: RenderTask) -> list[InvocationResponse | None]:
    """Run tasks at the same time; return what each ended with."""

    async def all_of_them() -> list[InvocationResponse | None]:
        log = WorkerLog(site.log)
        works = [run_render_task(site.runtime, one, seconds=60, log=log) for one in tasks]
        return list(await asyncio.gather(*works))

    ended = asyncio.run(all_of_them())
    assert site.leftovers() == []
    return ended


def outcome(site: WorkerSetup, job: str = "one") -> JobOutcome | None:
    return asyncio.run(read_outcome(open_storage(f"{site.artifacts}/jobs/{job}")))


def merges(site: WorkerSetup) -> list[dict[str, Any]]:
    began = [event for event in site.events() if event["event"] == "invocation.began"]
    return [event for event in began if event["action"] == "merge"]


def failing_once(folder: Path, then: str) -> str:
    marker = folder / "was-here"
    return f"sh -c 'test -e {marker} || {{ touch {marker}; exit 5; }}; {then}'"


def test_the_task_that_ends_last_joins_the_chunks(site: WorkerSetup) -> None:
    job = site.put(make_spec(chunks=3, id="ours"))
    assert run(site, task(job, 1, count=3)) == [None]
    assert run(site, task(job, 2, count=3)) == [None]
    assert outcome(site) is None
    assert run(site, task(job, 0, count=3)) == [None]
    ended = outcome(site)
    assert ended is not None
    assert ended.output is not None
    assert ended.output.url == f"{site.artifacts}/jobs/one/output/video.mp4"
    assert site.file(ended.output.url).stat().st_size == ended.output.bytes
    assert (ended.status, ended.job_id, ended.execution) == ("completed", "ours", "render-abc")
    assert ended.started_at == STARTED < ended.ended_at
    assert [event["chunk"] for event in merges(site)] == ["merge"]


def test_of_tasks_that_end_at_once_only_one_joins_the_chunks(site: WorkerSetup) -> None:
    job = site.put(make_spec(chunks=4))
    site.render(job, make_spec(chunks=4))
    assert run(site, *(task(job, index, count=4) for index in range(4))) == [None] * 4
    assert len(merges(site)) == 1
    assert outcome(site)


def test_fewer_tasks_share_chunks_with_any_ids(site: WorkerSetup) -> None:
    spec = make_spec(chunks=5)
    chunks = [chunk.model_copy(update={"id": 10 + 3 * chunk.id}) for chunk in spec.chunks]
    job = site.put(spec.model_copy(update={"chunks": chunks}))
    run(site, task(job, 0))
    rendered = {name.partition("-")[0] for name in site.names() if name.endswith(".mp4")}
    assert rendered == {"chunks/10", "chunks/16", "chunks/22"}
    run(site, task(job, 1))
    ended = outcome(site)
    assert ended is not None
    assert ended.status == "completed"


def test_a_task_without_chunks_of_its_own_does_no_harm(site: WorkerSetup) -> None:
    job = site.put(make_spec(chunks=1))
    assert run(site, task(job, 1)) == [None]
    assert outcome(site) is None


def test_a_chunk_that_is_there_is_not_rendered_again(site: WorkerSetup) -> None:
    job = site.put(make_spec(chunks=2))
    run(site, task(job, 0), task(job, 1))
    run(site, *(task(job, index, execution="render-again") for index in range(2)))
    events = [event["event"] for event in site.events()]
    assert events.count("chunk.stored") == 2
    assert events.count("chunk.reused") == 2
    assert events.count("merge.reused") == 1
    ended = outcome(site)
    assert ended is not None
    assert ended.execution == "render-again"


def test_a_chunk_that_fails_for_good_ends_the_render(site: WorkerSetup) -> None:
    job = site.put(make_spec([drawing(0, "chunks/00000.mp4"), NEVER_WORKS]))
    (response,) = run(site, task(job, 1, attempts=3))
    assert response is not None
    assert response.error is not None
    ended = outcome(site)
    assert ended is not None
    assert ended.error is not None
    assert ended.status == "failed"
    assert ended.error.code == "COMMAND_FORBIDDEN"
    assert ended.error.message.startswith("chunk 1: ")
    assert [failed.chunk_id for failed in ended.failed_chunks] == [1]


def test_nothing_more_is_rendered_once_a_render_has_failed(site: WorkerSetup) -> None:
    job = site.put(make_spec([drawing(0, "chunks/00000.mp4"), NEVER_WORKS]))
    run(site, task(job, 1))
    assert run(site, task(job, 0)) == [None]
    assert [name for name in site.names() if name.startswith("chunks/")] == []
    assert site.events()[-1]["event"] == "task.render_has_ended"


def test_the_task_that_failed_fails_again_so_that_its_execution_does(site: WorkerSetup) -> None:
    job = site.put(make_spec([drawing(0, "chunks/00000.mp4"), NEVER_WORKS]))
    run(site, task(job, 1))
    (again,) = run(site, task(job, 1, attempt=2))
    assert again is not None
    assert again.error is not None
    assert (again.exit_code, again.error.retryable) == (2, False)
    assert "forbidden" in again.stderr


@pytest.mark.parametrize(
    ("attempt", "attempts", "status"), [(1, 2, None), (2, 2, "failed"), (7, None, None)]
)
def test_a_transient_failure_is_recorded_by_the_last_attempt(
    site: WorkerSetup, attempt: int, attempts: int | None, status: str | None
) -> None:
    job = site.put(make_spec([FAILS]))
    (response,) = run(site, task(job, count=1, attempt=attempt, attempts=attempts))
    assert response is not None
    assert response.exit_code == 5
    ended = outcome(site)
    assert (ended.status if ended else None) == status


def test_a_failure_that_healed_leaves_no_trace(site: WorkerSetup, tmp_path: Path) -> None:
    command = failing_once(tmp_path, drawing(0, "chunks/00000.mp4"))
    job = site.put(make_spec([command]))
    run(site, task(job, count=1, attempts=2))
    assert run(site, task(job, count=1, attempt=2, attempts=2)) == [None]
    ended = outcome(site)
    assert ended is not None
    assert (ended.status, ended.failed_chunks) == ("completed", [])


def test_a_merge_that_failed_is_tried_again_by_the_task_that_began_it(
    site: WorkerSetup, tmp_path: Path
) -> None:
    merge = failing_once(tmp_path, "cp chunks/00000.mp4 video.mp4")
    job = site.put(make_spec(chunks=2, merge=merge))
    first, second = run(site, task(job, 0, attempts=2), task(job, 1, attempts=2))
    failed = 0 if first else 1
    assert (first is None) != (second is None)
    other = 1 - failed
    assert run(site, task(job, other, attempt=2, attempts=2)) == [None]
    assert outcome(site) is None
    assert run(site, task(job, failed, attempt=2, attempts=2)) == [None]
    ended = outcome(site)
    assert ended is not None
    assert ended.status == "completed"


def test_a_merge_that_can_never_work_ends_the_render(site: WorkerSetup) -> None:
    job = site.put(make_spec(chunks=1, merge=NEVER_WORKS))
    (response,) = run(site, task(job, count=1, attempts=4))
    assert response is not None
    ended = outcome(site)
    assert ended is not None
    assert ended.error is not None
    assert (ended.status, ended.failed_chunks) == ("failed", [])
    assert ended.error.code == "COMMAND_FORBIDDEN"
    (again,) = run(site, task(job, count=1, attempt=2, attempts=4))
    assert again is not None
    assert again.exit_code == 2


def test_an_earlier_execution_does_not_overwrite_a_later_ones_outcome(site: WorkerSetup) -> None:
    job = site.put(make_spec(chunks=1))
    later = STARTED.replace(hour=13)
    run(site, task(job, count=1, execution="render-later", started_at=later))
    run(site, task(job, count=1))
    ended = outcome(site)
    assert ended is not None
    assert ended.execution == "render-later"


def test_a_task_that_has_no_time_left_says_so(site: WorkerSetup) -> None:
    job = site.put(make_spec(["sh -c 'sleep 60'"]))

    async def work() -> InvocationResponse | None:
        log = WorkerLog(site.log)
        return await run_render_task(site.runtime, task(job, count=1), seconds=2, log=log)

    response = asyncio.run(work())
    assert response is not None
    assert response.error is not None
    assert response.error.code == "TIMEOUT"
    assert outcome(site) is None


def test_results_need_a_place(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text=make_spec().to_json())

    async def main() -> None:
        async with serving(answer) as server:
            config = WorkerConfig(
                allowed_sources=(server.url("/"),), allow_private_network=True, workspace=tmp_path
            )
            runtime = WorkerRuntime(config, resolve=server.resolve)
            try:
                await run_render_task(
                    runtime, task(server.url("/job.json")), seconds=None, log=runtime.log
                )
            finally:
                runtime.close()

    with pytest.raises(StorageInvalid, match="the job has no folder for results"):
        asyncio.run(main())


VARIABLES = {"JOB_PATH": "gs://x/job.json", "CLOUD_RUN_EXECUTION": "render-abc"}


def test_a_task_is_what_the_environment_says() -> None:
    read = RenderTask.from_env(
        {
            **VARIABLES,
            "JOB_STARTED_AT": "2024-05-01T12:00:00+00:00",
            "CLOUD_RUN_TASK_INDEX": "3",
            "CLOUD_RUN_TASK_COUNT": "5",
            "CLOUD_RUN_TASK_ATTEMPT": "1",
            "HELIOS_TASK_RETRIES": "3",
        }
    )
    assert read == task("gs://x/job.json", 3, count=5, attempt=2, attempts=4)
    assert not read.is_last_attempt
    assert replace(read, attempt=4).is_last_attempt


def test_a_task_of_a_job_made_by_hand_has_no_known_last_attempt() -> None:
    read = RenderTask.from_env({**VARIABLES, "CLOUD_RUN_TASK_ATTEMPT": "9"})
    assert (read.index, read.count, read.attempt) == (0, 1, 10)
    assert not read.is_last_attempt
    assert read.started_at.tzinfo is not None


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"JOB_PATH": ""}, "JOB_PATH: is not set"),
        ({"CLOUD_RUN_EXECUTION": " "}, "CLOUD_RUN_EXECUTION: is not set"),
        ({"CLOUD_RUN_TASK_INDEX": "2", "CLOUD_RUN_TASK_COUNT": "2"}, "no task 2 of 2"),
        ({"CLOUD_RUN_TASK_COUNT": "-1"}, "CLOUD_RUN_TASK_COUNT: '-1'"),
        ({"HELIOS_TASK_RETRIES": "many"}, "HELIOS_TASK_RETRIES: 'many'"),
        ({"JOB_STARTED_AT": "yesterday"}, "JOB_STARTED_AT: 'yesterday' is not a time"),
    ],
)
def test_an_environment_that_can_not_be_worked_with_is_refused(
    variables: dict[str, str], told: str
) -> None:
    with pytest.raises(InvocationInvalid, match=told):
        RenderTask.from_env({**VARIABLES, **variables})


def test_tasks_of_a_further_run_share_the_chunks_of_its_list(site: WorkerSetup) -> None:
    job = site.put(make_spec(chunks=5))
    listed = {"chunks": [{"id": 1}, {"id": 3}, {"id": 4}]}
    key = "jobs/one/runs/2.json"
    asyncio.run(site.storage.put_bytes(key, json.dumps(listed).encode()))

    run(site, replace(task(job, 0), count=2, chunks_file="runs/2.json"))

    rendered = {name.partition("-")[0] for name in site.names() if name.endswith(".mp4")}
    assert rendered == {"chunks/1", "chunks/4"}


def test_no_chunk_is_begun_after_the_time_that_the_render_may_cost(site: WorkerSetup) -> None:
    job = site.put(make_spec(chunks=1))
    (response,) = run(site, replace(task(job, 0), stop_at="2026-01-01T00:00:00Z"))
    assert response is not None
    ended = outcome(site)
    assert ended is not None
    assert ended.error is not None
    assert (ended.status, ended.error.code) == ("failed", "COST_LIMIT")
