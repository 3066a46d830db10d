"""The checkup of workers on Google Cloud, by Google's own clients at a local Google Cloud."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from google.cloud import run_v2
from google.oauth2 import service_account

from helios_infra.cloud_run.configuration import CloudRunConfiguration
from helios_infra.cloud_run.resources.job import job_settings
from helios_infra.cloud_run.resources.service import service_settings
from orchestrator.clouds.cloud_run_workers import find_workers
from orchestrator.clouds.google import GoogleCalls
from orchestrator.doctor import Finding, Health, PlannedRender
from orchestrator.doctor.cloud_run import CloudRunCheckup
from sandbox.google.google_cloud import GoogleCloud, cpu_quota
from sandbox.scripted_server import Reply
from tests.google_cloud import trusted_google_cloud

PLACE = ("my-videos", "europe-west1", "helios-worker")
CONFIGURATION = CloudRunConfiguration.read(
    {
        "project": "my-videos",
        "region": "europe-west1",
        "image": f"europe-west1-docker.pkg.dev/my-videos/helios/worker@sha256:{'a' * 64}",
        "service_account": "worker@my-videos.iam.gserviceaccount.com",
        "bucket": "my-videos-helios",
        "cpu": 4,
        "memory": "8Gi",
        "concurrency": 1,
        "max_instances": 100,
    }
)
Result = TypeVar("Result")


class Project:
    """A project with a service and a job for which nothing runs, as a profile has kept it."""

    def __init__(self, cloud: GoogleCloud) -> None:
        self.cloud = cloud
        service, job = run_v2.Service(), run_v2.Job()
        service_settings(CONFIGURATION, audiences=())(service)
        job_settings(CONFIGURATION)(job)
        parent, name = CONFIGURATION.parent, "helios-worker"
        for operation in (
            cloud.api.services.create(parent, name, service, failure=None),
            cloud.api.jobs.create(parent, name, job, failure=None),
        ):
            cloud.api.operations.get(operation.name)
        self.service = cloud.api.services.get(f"{parent}/services/{name}")
        self.known = self._with_calls(lambda calls: find_workers(*PLACE, calls))

    def findings(self, *, concurrency: int = 20) -> dict[str, Finding]:
        """Return what is found, by what was looked at."""
        plan = PlannedRender(concurrency=concurrency, chunks=500)

        async def look(calls: GoogleCalls) -> dict[str, Finding]:
            checkup = CloudRunCheckup(self.known, calls, plan=plan)
            return {finding.check: finding async for finding in checkup.findings(None)}

        return self._with_calls(look)

    def _with_calls(self, work: Callable[[GoogleCalls], Coroutine[Any, Any, Result]]) -> Result:
        async def within() -> Result:
            credentials = service_account.Credentials.from_service_account_file(
                self.cloud.env["GOOGLE_APPLICATION_CREDENTIALS"],
                scopes=["https://www.googleapis.com/auth/cloud-platform"],
            )
            calls = GoogleCalls(credentials, env=self.cloud.env)
            try:
                return await work(calls)
            finally:
                await calls.close()

        return asyncio.run(within())


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoogleCloud]:
    with trusted_google_cloud(tmp_path_factory.mktemp("cloud"), looks=0) as started:
        yield started


@pytest.fixture
def project(cloud: GoogleCloud) -> Iterator[Project]:
    yield Project(cloud)
    cloud.quotas.tell(cpu_quota(200))
    cloud.api.policies.denied.clear()
    cloud.api.services.by_name.clear()
    cloud.api.jobs.by_name.clear()


def test_a_healthy_deployment_has_only_positive_findings(project: Project) -> None:
    found = project.findings()

    assert {finding.health for finding in found.values()} == {Health.OK}
    assert found["credentials"].message.endswith(".iam.gserviceaccount.com")
    assert "gs://my-videos-helios" in found["workers"].message
    assert found["quota of CPU"].message == "200 CPUs in europe-west1, 80 are planned"
    (asked,) = project.cloud.quotas.requests
    assert asked.path == (
        "/v1/projects/my-videos/locations/global/services/run.googleapis.com"
        "/quotaInfos/CpuAllocPerProjectRegion"
    )
    assert asked.headers["authorization"].startswith("Bearer ")


def test_more_chunks_at_once_than_instances_and_cpus_allow_will_wait(project: Project) -> None:
    found = project.findings(concurrency=101)

    assert found["limit of instances"].health is Health.NOTICE
    assert "--max-instances" in found["limit of instances"].fix
    assert found["quota of CPU"].health is Health.NOTICE
    assert found["quota of CPU"].message.startswith("200 CPUs in europe-west1, 404 are planned")
    fix = found["quota of CPU"].fix
    assert "Total CPU allocation" in fix
    assert "gcloud beta quotas preferences create --project my-videos" in fix
    assert "region=europe-west1 --preferred-value 404000" in fix


def test_a_region_without_a_quota_of_its_own_has_the_general_one(project: Project) -> None:
    other = {"dimensions": {"region": "us-east1"}, "details": {"value": "1"}}
    general = {"details": {"value": "20000"}, "applicableLocations": ["asia-east1", "europe-west1"]}
    reply = Reply(body=json.dumps({"dimensionsInfos": [other, general]}).encode())
    project.cloud.quotas.tell(reply)
    assert project.findings(concurrency=5)["quota of CPU"].message.startswith("20 CPUs")

    project.cloud.quotas.tell(Reply(body=b"{}"))
    assert project.findings()["quota of CPU"].health is Health.UNKNOWN


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(403, b'{"error": {"message": "Cloud Quotas API has not been used"}}'), "not been"),
        (Reply(200, b"<html>"), "quota CpuAllocPerProjectRegion: "),
        (Reply(cut=-1), "quota CpuAllocPerProjectRegion: "),
    ],
    ids=["not-enabled", "no-json", "no-answer"],
)
def test_a_quota_that_cannot_be_read_is_unknown(project: Project, reply: Reply, said: str) -> None:
    project.cloud.quotas.tell(reply)

    found = project.findings()["quota of CPU"]

    assert found.health is Health.UNKNOWN
    assert said in found.message
    enabling = "gcloud services enable cloudquotas.googleapis.com --project my-videos"
    assert (enabling in found.fix) == (reply.status == 403)


def test_what_is_not_allowed_is_named_with_what_gives_it(project: Project) -> None:
    project.cloud.api.policies.denied |= {"run.jobs.run", "run.jobs.runWithOverrides"}
    lacking = "--detach won't work without run.jobs.run, run.jobs.runWithOverrides"

    found = project.findings()["permissions"]

    assert (found.health, found.message) == (Health.NOTICE, lacking)
    assert "--invoker" in found.fix

    project.cloud.api.policies.denied.add("run.routes.invoke")

    found = project.findings()["permissions"]

    assert found.health is Health.PROBLEM
    assert found.message == f"not allowed: run.routes.invoke; {lacking}"


def test_workers_that_changed_broke_or_went_are_told_with_the_remedy(project: Project) -> None:
    project.service.template.scaling.max_instance_count = 7
    condition = run_v2.Condition(
        state=run_v2.Condition.State.CONDITION_FAILED, message="the container failed to start"
    )
    project.service.terminal_condition = condition
    project.cloud.api.jobs.by_name.clear()

    found = project.findings()

    assert found["workers"].health is Health.PROBLEM
    assert found["service"].message == "helios-worker: the container failed to start"
    assert found["service"].fix == "Deploy again: orchestrator cloudrun deploy."
    assert found["job"].health is Health.PROBLEM
    assert found["job"].message.startswith("job: not found")
