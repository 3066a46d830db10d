"""The stand-in for the Cloud Run API refuses, conflicts and runs as the real one does."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.cloud import run_v2

from sandbox.google.cloud_run_api import CloudRunApi
from sandbox.google.cloud_run_api.faults import Refused

PARENT = "projects/videos/locations/europe-west1"


def start_python(command: Sequence[str], env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, *command[1:]], env=dict(env))


@pytest.fixture
def api() -> Iterator[CloudRunApi]:
    with CloudRunApi(start_task=start_python, looks=0) as running:
        yield running


def service(**changes: Any) -> run_v2.Service:
    template = {
        "service_account": "worker@videos.iam.gserviceaccount.com",
        "containers": [run_v2.Container(image="worker@sha256:0")],
        **changes,
    }
    return run_v2.Service(template=run_v2.RevisionTemplate(**template))


def job(code: str, *, retries: int = 0, **execution: Any) -> run_v2.Job:
    task = run_v2.TaskTemplate(
        service_account="worker@videos.iam.gserviceaccount.com",
        max_retries=retries,
        timeout=timedelta(seconds=30),
        containers=[
            run_v2.Container(name="worker", image="worker", command=["python", "-c", code])
        ],
    )
    return run_v2.Job(template=run_v2.ExecutionTemplate(template=task, **execution))


def run(api: CloudRunApi, wanted: run_v2.Job, *, tasks: int = 1, **env: str) -> str:
    """Create and execute a job; return the execution's name."""
    api.jobs.create(PARENT, "render", wanted, failure=None)
    request = run_v2.RunJobRequest(
        name=f"{PARENT}/jobs/render",
        overrides=run_v2.RunJobRequest.Overrides(
            task_count=tasks,
            container_overrides=[
                run_v2.RunJobRequest.Overrides.ContainerOverride(
                    name="worker",
                    env=[run_v2.EnvVar(name=name, value=value) for name, value in env.items()],
                )
            ],
        ),
    )
    operation = api.executions.run(request)
    execution = run_v2.Execution()
    operation.metadata.Unpack(run_v2.Execution.pb(execution))
    return execution.name


def settled(look: Callable[[], run_v2.Execution]) -> run_v2.Execution:
    deadline = time.monotonic() + 60
    while not look().completion_time:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return look()


def limits(cpu: str, memory: str) -> list[run_v2.Container]:
    resources = run_v2.ResourceRequirements(limits={"cpu": cpu, "memory": memory})
    return [run_v2.Container(image="worker", resources=resources)]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"timeout": timedelta(hours=2)}, "timeout"),
        ({"max_instance_request_concurrency": 2000}, "concurrency"),
        ({"containers": []}, "containers is required"),
        ({"service_account": "unknown"}, "service account"),
        ({"containers": limits("1", "8Gi")}, "between 128Mi and 4096Mi"),
        ({"containers": limits("3", "4Gi")}, "cpu or memory"),
        (
            {"containers": [run_v2.Container(image="w", env=[run_v2.EnvVar(name="PORT")])]},
            "reserved env names",
        ),
    ],
)
def test_settings_that_the_real_api_refuses_are_refused(
    api: CloudRunApi, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(Refused, match=told) as caught:
        api.services.create(PARENT, "worker", service(**changes), failure=None)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT


def test_a_second_service_of_a_name_is_refused(api: CloudRunApi) -> None:
    api.services.create(PARENT, "worker", service(), failure=None)
    with pytest.raises(Refused) as caught:
        api.services.create(PARENT, "worker", service(), failure=None)
    assert caught.value.code is grpc.StatusCode.ALREADY_EXISTS


def test_an_update_of_what_has_changed_since_is_refused(api: CloudRunApi) -> None:
    api.services.create(PARENT, "worker", service(), failure=None)
    stale = run_v2.Service(api.services.get(f"{PARENT}/services/worker"))
    api.services.touch(stale.name, lambda _: None)
    with pytest.raises(Refused, match="Conflict") as caught:
        api.services.update(stale, failure=None)
    assert caught.value.code is grpc.StatusCode.ABORTED


def test_settings_that_failed_are_not_tried_again_by_themselves(api: CloudRunApi) -> None:
    failure = Refused(grpc.StatusCode.INTERNAL, "no")
    operation = api.services.create(PARENT, "worker", service(), failure=failure)
    assert api.operations.get(operation.name).error.message == "no"
    same = run_v2.Service(api.services.get(f"{PARENT}/services/worker"))
    generation = same.generation
    assert api.operations.get(api.services.update(same, failure=None).name).done
    after = api.services.get(same.name)
    assert after.generation == generation
    assert after.terminal_condition.state == run_v2.Condition.State.CONDITION_FAILED


def test_tasks_are_processes_that_know_their_number(api: CloudRunApi, tmp_path: Any) -> None:
    code = (
        "import os, pathlib; e = os.environ; pathlib.Path(e['FOLDER'], e['CLOUD_RUN_TASK_INDEX'])"
        ".write_text(e['CLOUD_RUN_TASK_COUNT'])"
    )
    name = run(api, job(code), tasks=3, FOLDER=str(tmp_path))
    done = settled(lambda: api.executions.get(name))
    assert (done.succeeded_count, done.failed_count, done.running_count) == (3, 0, 0)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys("012", "3")


def test_a_task_that_fails_is_tried_again_as_often_as_it_may(api: CloudRunApi) -> None:
    code = "import os, sys; sys.exit(os.environ['CLOUD_RUN_TASK_ATTEMPT'] != '2')"
    name = run(api, job(code, retries=2))
    done = settled(lambda: api.executions.get(name))
    assert (done.succeeded_count, done.retried_count) == (1, 2)


def test_an_execution_fails_with_its_tasks(api: CloudRunApi) -> None:
    name = run(api, job("raise SystemExit(1)"), tasks=2)
    done = settled(lambda: api.executions.get(name))
    assert done.failed_count == 2
    assert done.conditions[0].state == run_v2.Condition.State.CONDITION_FAILED


def test_a_cancelled_execution_ends_its_processes(api: CloudRunApi) -> None:
    name = run(api, job("import time; time.sleep(60)"), tasks=3)
    while api.executions.get(name).running_count < 2:
        time.sleep(0.02)
    api.executions.cancel(name)
    done = settled(lambda: api.executions.get(name))
    assert done.cancelled_count == 3
    assert done.conditions[0].execution_reason.name == "CANCELLED"


def test_a_job_with_more_parallelism_than_tasks_is_refused(api: CloudRunApi) -> None:
    with pytest.raises(Refused, match="parallelism"):
        run(api, job("pass", parallelism=2, task_count=2), tasks=1)
