"""Executions of a Cloud Run job whose tasks, as processes of their own, render a video together."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from google.cloud import run_v2

from helios.contract.job_spec import JobSpec
from helios.records.job_outcome import JobOutcome
from sandbox.google.cloud_run_api import CloudRunApi
from sandbox.google.worker_tasks import WorkerTasks
from tests.helios.worker_setup import drawing, make_spec
from tests.worker_cloudrun.conftest import CloudSite, slow
from tests.worker_cloudrun.test_service import asleep, until
from tests.worker_cloudrun.test_task import chunks

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cloud_run")]

PARENT = "projects/videos/locations/europe-west1"
RETRIES = 1


class Project:
    """A project with the job in it, and what its tasks log."""

    def __init__(self, cloud: CloudSite, folder: Path) -> None:
        self.cloud = cloud
        self.tasks = WorkerTasks(folder, cloud.env(HELIOS_TASK_RETRIES=str(RETRIES)))
        self.api = CloudRunApi(start_task=self.tasks, looks=0)
        container = run_v2.Container(
            name="worker", image="worker", command=["python", "-m", "worker_cloudrun.task"]
        )
        task = run_v2.TaskTemplate(
            service_account="worker@videos.iam.gserviceaccount.com",
            max_retries=RETRIES,
            timeout=timedelta(seconds=60),
            containers=[container],
        )
        job = run_v2.Job(template=run_v2.ExecutionTemplate(template=task))
        self.api.jobs.create(PARENT, "render", job, failure=None)

    def execute(self, spec: JobSpec) -> tuple[str, str]:
        """Begin to render; return the execution's name and the job's path."""
        path = self.cloud.put(spec)
        env = {"JOB_PATH": path, "JOB_ACTION": "render"}
        overrides = run_v2.RunJobRequest.Overrides(
            task_count=len(spec.chunks),
            container_overrides=[
                run_v2.RunJobRequest.Overrides.ContainerOverride(
                    name="worker",
                    env=[run_v2.EnvVar(name=name, value=value) for name, value in env.items()],
                )
            ],
        )
        operation = self.api.executions.run(
            run_v2.RunJobRequest(name=f"{PARENT}/jobs/render", overrides=overrides)
        )
        execution = run_v2.Execution()
        operation.metadata.Unpack(run_v2.Execution.pb(execution))
        return execution.name, path

    def end_of(self, execution: str, *, seconds: float = 200) -> run_v2.Execution:
        deadline = time.monotonic() + seconds
        while not (found := self.api.executions.get(execution)).completion_time:
            assert time.monotonic() < deadline, self.tasks.logs()
            time.sleep(0.1)
        return found

    def outcome(self, path: str) -> JobOutcome:
        return JobOutcome.model_validate_json(
            self.cloud.get(path.removesuffix("job.json") + "status.json")
        )

    def events(self, name: str) -> list[str]:
        """Return the tasks' events of a kind."""
        lines = [line for log in self.tasks.logs() for line in log.splitlines()]
        events = [json.loads(line) for line in lines if line.startswith("{")]
        return [event["task"] for event in events if event["event"] == name]


@pytest.fixture
def project(cloud: CloudSite, tmp_path: Path) -> Iterator[Project]:
    made = Project(cloud, tmp_path)
    yield made
    made.api.executions.stop()


@pytest.mark.long
def test_an_execution_renders_a_video_without_a_client(project: Project, tmp_path: Path) -> None:
    marker = tmp_path / "was-here"
    once = f"test -e {marker} || {{ touch {marker}; exit 5; }}"
    commands = [drawing(number, f"chunks/{number:05d}.mp4") for number in range(3)]
    commands[1] = f"sh -c '{once}; {commands[1]}'"
    name, path = project.execute(make_spec(commands))
    execution = project.end_of(name)
    assert (execution.succeeded_count, execution.retried_count) == (3, 1), project.tasks.logs()
    ended = project.outcome(path)
    assert ended.output is not None
    assert (ended.status, ended.execution) == ("completed", name.rpartition("/")[2])
    assert len(project.cloud.get(ended.output.url)) == ended.output.bytes
    assert len(project.events("merge.stored")) == 1
    assert len(project.events("chunk.stored")) == 3


@pytest.mark.long
def test_an_execution_fails_with_a_chunk_that_can_never_be_rendered(project: Project) -> None:
    name, path = project.execute(make_spec(["forbidden", drawing(1, "chunks/00001.mp4")]))
    execution = project.end_of(name)
    assert execution.failed_count == 1, project.tasks.logs()
    ended = project.outcome(path)
    assert ended.status == "failed"
    assert [failed.chunk_id for failed in ended.failed_chunks] == [0]
    # It was tried twice by Cloud Run, but by the worker only once.
    assert project.events("invocation.began").count("0") == 1


def test_a_cancelled_execution_leaves_nothing_running(project: Project) -> None:
    name, path = project.execute(make_spec([slow(60.031), slow(60.032, chunk=1)]))
    until(lambda: asleep(60.031) and asleep(60.032))
    project.api.executions.cancel(name)
    execution = project.end_of(name)
    assert execution.cancelled_count == 2
    assert asleep(60.031) + asleep(60.032) == []
    assert chunks(project.cloud, path) == ["job.json"]
