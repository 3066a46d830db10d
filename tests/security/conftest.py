"""Both workers as they are deployed, with a job spec of a stranger."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from helios.assets import upload_assets
from helios.contract.worker_job import Task, WorkerJob, WorkerResult
from tests.helios.worker_setup import make_spec
from tests.worker_cloudrun.conftest import CloudSite, cloud  # noqa: F401 - fixture
from tests.worker_lambda.conftest import (  # noqa: F401 - fixtures
    configured,
    deploy,
    renders_bucket,
)

#: A variable that a deployment gives its workers, and that commands shouldn't see.
SECRET = {"FILMS_API_KEY": "s3cr3t-of-the-deployment"}


class RunSpec(Protocol):
    """Has a worker run each command of a spec."""

    def __call__(
        self, *commands: str, executables: str = "", composition: Path | None = None
    ) -> Sequence[WorkerResult]: ...


def _on_lambda(deployed: Any) -> RunSpec:
    def run(
        *commands: str, executables: str = "", composition: Path | None = None
    ) -> Sequence[WorkerResult]:
        site = deployed(variables={"HELIOS_EXECUTABLES": executables, **SECRET})
        job = site.job(*commands, assets_url=composition and site.upload(composition))
        return [site.run(job, number) for number in range(len(commands))]

    return run


def _on_cloud_run(site: CloudSite, stack: ExitStack) -> RunSpec:
    def run(
        *commands: str, executables: str = "", composition: Path | None = None
    ) -> Sequence[WorkerResult]:
        variables: Any = {"HELIOS_EXECUTABLES": executables, **SECRET}
        service = stack.enter_context(site.service(**variables))
        assets = composition and asyncio.run(upload_assets(site.storage(), composition))
        job = site.put(make_spec(commands, assets_url=assets))
        adapter = service.adapter()

        async def results() -> Sequence[WorkerResult]:
            tasks = [Task(job_path=job, chunk_id=number) for number in range(len(commands))]
            return [await adapter.execute(WorkerJob(command="helios", task=task)) for task in tasks]

        return asyncio.run(results())

    return run


@pytest.fixture(params=["lambda", pytest.param("cloud_run", marks=pytest.mark.long)])
def run_spec(request: pytest.FixtureRequest) -> Iterator[RunSpec]:
    """The worker on Lambda; with the long tests, and in containers, the one on Cloud Run too."""
    with ExitStack() as stack:
        if request.param == "lambda":
            yield _on_lambda(request.getfixturevalue("deploy"))
        else:
            yield _on_cloud_run(request.getfixturevalue("cloud"), stack)
