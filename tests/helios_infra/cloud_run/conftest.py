"""A Google Cloud on this machine, and a deployment to it."""

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from google.oauth2 import service_account

from helios_infra.cloud_run.changes import Change, Deployment, Waiting
from helios_infra.cloud_run.clients import connect
from helios_infra.cloud_run.configuration import CloudRunConfiguration
from helios_infra.cloud_run.provisioning import CloudRunProvisioner
from helios_infra.cloud_run.status import CloudRunStatus
from sandbox.google.google_cloud import GoogleCloud
from tests.google_cloud import trusted_google_cloud

IMAGE = f"europe-west1-docker.pkg.dev/videos/helios/worker@sha256:{'a' * 64}"
ANN = "user:ann@example.com"

Result = TypeVar("Result")


class Deployer:
    """Deploys to a project of its own."""

    def __init__(self, cloud: GoogleCloud) -> None:
        self.cloud = cloud
        self.api = cloud.api
        self.buckets = cloud.buckets
        self.project = f"videos-{secrets.token_hex(4)}"
        self.steps: list[Change | Waiting] = []
        self.asked: dict[str, Any] = {}

    def configuration(self, **asked: Any) -> CloudRunConfiguration:
        values = {
            "project": self.project,
            "region": "europe-west1",
            "image": IMAGE,
            "service_account": f"worker@{self.project}.iam.gserviceaccount.com",
            "bucket": f"{self.project}-helios",
            "invokers": [ANN],
        }
        return CloudRunConfiguration.read({**values, **self.asked, **asked})

    def deploy(self, *, adopt: bool = False, **asked: Any) -> Deployment:
        """Deploy what was asked for before, and this; forget the calls of earlier."""
        self.asked |= asked
        configuration = self.configuration()
        self.forget()
        return self.run(lambda p: p.deploy(configuration, adopt=adopt))

    def status(self) -> CloudRunStatus:
        return self.run(lambda provisioner: provisioner.status())

    def destroy(self, **how: Any) -> list[str]:
        self.forget()
        return [str(c) for c in self.run(lambda provisioner: provisioner.destroy(**how))]

    def forget(self) -> None:
        self.steps.clear()
        self.api.calls.clear()
        self.buckets.writes.clear()

    def writes(self) -> list[str]:
        """Return what was changed since, in the order of the calls by cloud."""
        return [*self.buckets.writes, *self.api.writes()]

    def waited(self) -> list[str]:
        return [str(step) for step in self.steps if isinstance(step, Waiting)]

    def run(self, work: Callable[[CloudRunProvisioner], Coroutine[Any, Any, Result]]) -> Result:
        """Do something with a provisioner for the project."""

        async def within() -> Result:
            clients = connect(self.project, self.credentials(), env=self.cloud.env)
            try:
                return await work(
                    CloudRunProvisioner(
                        self.configuration(), clients, on_step=self.steps.append, first_poll=0.01
                    )
                )
            finally:
                await clients.close()

        return asyncio.run(within())

    def credentials(self) -> service_account.Credentials:
        credentials: service_account.Credentials = (
            service_account.Credentials.from_service_account_file(
                self.cloud.env["GOOGLE_APPLICATION_CREDENTIALS"],
                scopes=["https://www.googleapis.com/auth/cloud-platform"],
            )
        )
        return credentials

    @property
    def service(self) -> Any:
        """The service as the API keeps it."""
        return self.api.services.by_name[self.configuration().service]

    @property
    def job(self) -> Any:
        """The job as the API keeps it."""
        return self.api.jobs.by_name[self.configuration().job]

    @property
    def bucket(self) -> Any:
        """The bucket's settings as the store keeps them."""
        return self.buckets.settings[self.configuration().bucket]


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoogleCloud]:
    with trusted_google_cloud(tmp_path_factory.mktemp("google-cloud"), looks=1) as running:
        yield running


@pytest.fixture
def deployer(cloud: GoogleCloud, monkeypatch: pytest.MonkeyPatch) -> Deployer:
    # google-cloud-storage has no other way to be told.
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", cloud.env["STORAGE_EMULATOR_HOST"])
    return Deployer(cloud)
