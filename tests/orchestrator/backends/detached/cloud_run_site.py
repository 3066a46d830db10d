"""A Google project with the render job in it, on this machine."""

import asyncio
import contextlib
import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from google.cloud import run_v2
from google.oauth2 import service_account

from helios.contract.job_spec import JobSpec
from helios.records.job_outcome import JobOutcome, read_outcome
from helios.storage import ArtifactStorage, open_storage
from helios.webhooks.events import WebhookEvent, verify
from helios_infra.cloud_run.configuration import CloudRunConfiguration
from helios_infra.cloud_run.resources.job import job_settings
from orchestrator.backends.detached.base import Execution
from orchestrator.backends.detached.cloud_run_job import CloudRunJobBackend
from orchestrator.clouds.google import GoogleCalls
from orchestrator.delivery.stores import Stores
from orchestrator.model.job_state import JobState
from sandbox.google.cloud_run import WEBHOOKS_SERVER, local_cloud_run
from sandbox.google.google_cloud import GoogleCloud, secret_version
from sandbox.google.worker_tasks import WorkerTasks
from sandbox.scripted_server import ScriptedServer
from sandbox.storage.object_stores import ObjectStore, create_bucket

#: What webhooks are signed with: what Secret Manager keeps under the name in the configuration.
SECRET_VALUE = "of-job-and-receiver"
ACCOUNT_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
SECRETS_ENDPOINT = "HELIOS_SECRET_MANAGER_ENDPOINT"
#: Accounts of tasks, and of the service that sends webhooks.
TASKS = "helios-worker@videos.iam.gserviceaccount.com"
WEBHOOKS = "helios-webhooks@videos.iam.gserviceaccount.com"
_NUMBERS = itertools.count()
Result = TypeVar("Result")


class CloudRunSite:
    """A deployed job, its bucket, and clients of both.

    Args:
        folder: For logs and disks of tasks.
        webhooks_url: URL of the service that sends webhooks.
    """

    def __init__(self, cloud: GoogleCloud, folder: Path, *, webhooks_url: str) -> None:
        number = next(_NUMBERS)
        self.cloud = cloud
        self.api = cloud.api
        self.project = f"videos-{number:04d}"
        store = ObjectStore(cloud.env["STORAGE_EMULATOR_HOST"], cloud.env)
        self.artifacts = create_bucket(store, f"{self.project}-helios")
        self.workers = WorkerTasks(
            folder,
            {
                "STORAGE_EMULATOR_HOST": store.endpoint,
                ACCOUNT_FILE: str(cloud.accounts.service_account_file(TASKS)),
            },
        )
        cloud.secrets.tell(secret_version(SECRET_VALUE))
        self.configuration = CloudRunConfiguration.read(
            {
                "project": self.project,
                "region": "europe-west1",
                "image": f"europe-west1-docker.pkg.dev/videos/helios/worker@sha256:{'a' * 64}",
                "service_account": TASKS,
                "bucket": f"{self.project}-helios",
                "task_retries": 1,
                "webhook_secret": "helios-webhooks",
                "webhook_account": WEBHOOKS,
                "env": {"HELIOS_EXECUTABLES": "helios,ffmpeg,ffprobe,sh"},
            }
        )
        self.deploy("helios-worker", self.configuration, webhooks_url=webhooks_url)

    def deploy(
        self, name: str, configuration: CloudRunConfiguration, *, webhooks_url: str | None = None
    ) -> None:
        """Make a job."""
        job = run_v2.Job()
        job_settings(configuration, webhooks_url=webhooks_url)(job)
        self.api.jobs.create(configuration.parent, name, job, failure=None)

    def backend(self, stores: Stores, **options: Any) -> CloudRunJobBackend:
        """Return the backend as another client sees it."""
        credentials = service_account.Credentials.from_service_account_file(
            self.cloud.env["GOOGLE_APPLICATION_CREDENTIALS"],
            scopes=["https://www.googleapis.com/auth/cloud-platform"],
        )
        return CloudRunJobBackend(
            options.pop("job", self.configuration.job),
            artifacts=self.artifacts,
            concurrency=100,
            stores=stores,
            calls=GoogleCalls(credentials, env=self.cloud.env),
            **{"poll": 0.05, "start_patience": 0.3, **options},
        )

    def run(
        self, work: Callable[[CloudRunJobBackend], Coroutine[Any, Any, Result]], **options: Any
    ) -> Result:
        """Do something as a client of its own, which knows nothing of earlier ones."""

        async def within() -> Result:
            async with Stores(self.open) as stores:
                backend = self.backend(stores, **options)
                try:
                    return await work(backend)
                finally:
                    await backend.close()

        return asyncio.run(within())

    def start(self, spec: JobSpec, **options: Any) -> Execution:
        """Store a job and start it."""
        self.put(spec)
        return self.run(lambda backend: backend.start(spec, **options))

    def find(self, job_id: str) -> Execution:
        return self.run(lambda backend: backend.find(job_id))

    def end_of(self, job_id: str, *, seconds: float = 200) -> Execution:
        """Wait until a render has ended."""

        async def watch(backend: CloudRunJobBackend) -> Execution:
            deadline = time.monotonic() + seconds
            while (found := await backend.find(job_id)).state is JobState.RUNNING:
                assert time.monotonic() < deadline, self.workers.logs()
                await asyncio.sleep(0.1)
            return found

        return self.run(watch)

    def put(self, spec: JobSpec) -> None:
        self.in_folder(
            str(spec.id), lambda folder: folder.put_bytes("job.json", spec.to_json().encode())
        )

    def in_folder(
        self, job_id: str, work: Callable[[ArtifactStorage], Coroutine[Any, Any, Result]]
    ) -> Result:
        """Do something in a job's folder."""

        async def within() -> Result:
            folder = self.open(f"{self.artifacts}/jobs/{job_id}")
            try:
                return await work(folder)
            finally:
                await folder.close()

        return asyncio.run(within())

    def outcome(self, job_id: str) -> JobOutcome | None:
        return self.in_folder(job_id, read_outcome)

    def open(self, url: str) -> ArtifactStorage:
        return open_storage(url, env=self.cloud.env)

    def told(self, receiver: ScriptedServer) -> list[WebhookEvent]:
        """Return what a receiver was told, each request checked as receivers do it."""
        return [verify(r.headers, r.body, secret=SECRET_VALUE) for r in receiver.requests]

    def execute(self, job_id: str, **variables: str) -> str:
        """Execute the job as another client; return the execution's short name."""
        env = {"JOB_PATH": f"{self.artifacts}/jobs/{job_id}/job.json", "JOB_ACTION": "render"}
        override = run_v2.RunJobRequest.Overrides.ContainerOverride(
            env=[run_v2.EnvVar(name=k, value=v) for k, v in {**env, **variables}.items()]
        )
        request = run_v2.RunJobRequest(
            name=self.configuration.job,
            overrides=run_v2.RunJobRequest.Overrides(container_overrides=[override]),
        )
        operation = self.api.executions.run(request)
        execution = run_v2.Execution()
        operation.metadata.Unpack(run_v2.Execution.pb(execution))
        return execution.name.rpartition("/")[2]

    def executions(self) -> list[run_v2.Execution]:
        """Return the job's executions, the newest first."""
        return self.api.executions.list(self.configuration.job)


@contextlib.contextmanager
def webhook_service(cloud: GoogleCloud, folder: Path) -> Iterator[str]:
    """Run the service that sends webhooks of all sites of a cloud; the value is its URL."""
    variables = {
        "STORAGE_EMULATOR_HOST": cloud.env["STORAGE_EMULATOR_HOST"],
        SECRETS_ENDPOINT: cloud.env[SECRETS_ENDPOINT],
        ACCOUNT_FILE: str(cloud.accounts.service_account_file(WEBHOOKS)),
        "HELIOS_CERTS_URL": cloud.accounts.certs_url,
        "HELIOS_ALLOWED_CALLERS": TASKS,
        "HELIOS_ARTIFACTS": "gs://",
        "HELIOS_WEBHOOK_SECRET_NAME": "projects/videos/secrets/helios-webhooks",
        # Receivers are on this machine.
        "HELIOS_ALLOW_PRIVATE_NETWORK": "1",
    }
    with local_cloud_run(
        folder=folder, variables=variables, command=WEBHOOKS_SERVER, verify_callers=True
    ) as service:
        yield service.url


class Tasks:
    """Starts what a test wants as tasks: by default something that ends well at once."""

    def __init__(self) -> None:
        self.code = ""
        self.workers: WorkerTasks | None = None

    def __call__(
        self, command: Sequence[str], variables: Mapping[str, str]
    ) -> "subprocess.Popen[bytes]":
        """Start the process of a task's attempt."""
        if self.workers is not None:
            return self.workers(command, variables)
        return subprocess.Popen([sys.executable, "-S", "-c", self.code], env=dict(variables))
