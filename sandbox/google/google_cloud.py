"""The Google Cloud APIs that deploying uses, on this machine."""

import base64
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature

from sandbox.google.cloud_run_api import CloudRunApi
from sandbox.google.deployed_services import DeployedServices
from sandbox.google.identity.token_server import TokenServer
from sandbox.google.worker_tasks import WorkerTasks
from sandbox.scripted_server import Reply, ScriptedServer
from sandbox.storage.bucket_settings import BucketSettings
from sandbox.storage.object_stores import gcs_server


@dataclass(frozen=True, slots=True)
class GoogleCloud:
    """The servers that stand in for Google's.

    Attributes:
        api: Cloud Run's API.
        buckets: Cloud Storage.
        accounts: Server that issues and verifies tokens.
        quotas: The Cloud Quotas API, with 200 CPUs by default.
        secrets: Secret Manager, without any secret by default.
        env: Environment in which Google's own clients use them, as a service account.
        services, tasks: Deployed services as real workers; None to run none.
    """

    api: CloudRunApi
    buckets: BucketSettings
    accounts: TokenServer
    quotas: ScriptedServer
    secrets: ScriptedServer
    env: dict[str, str]
    services: DeployedServices | None = None
    tasks: WorkerTasks | None = None


@contextlib.contextmanager
def google_cloud(
    folder: Path, *, with_workers: bool = False, **settings: Any
) -> Iterator[GoogleCloud]:
    """Run the servers for the duration of the context.

    Args:
        folder: Folder for clients' keys and certificates, and workers' files.
        with_workers: Whether services and tasks that are deployed run here, as real workers.
        **settings: Those of `CloudRunApi`.
    """
    with contextlib.ExitStack() as stack:
        accounts = stack.enter_context(TokenServer(folder))
        store = stack.enter_context(gcs_server())
        buckets = stack.enter_context(BucketSettings(store.endpoint))
        quotas, secrets = ScriptedServer(), ScriptedServer()
        stack.callback(quotas.close)
        stack.callback(secrets.close)
        quotas.tell(cpu_quota(200))
        secrets.tell(Reply(404))
        account = str(accounts.service_account_file())
        services, tasks = None, None
        if with_workers:
            variables = {
                "STORAGE_EMULATOR_HOST": buckets.endpoint,
                "HELIOS_CERTS_URL": accounts.certs_url,
                "HELIOS_SECRET_MANAGER_ENDPOINT": secrets.endpoint,
                "GOOGLE_APPLICATION_CREDENTIALS": account,
            }
            services = stack.enter_context(DeployedServices(folder / "services", variables))
            tasks = WorkerTasks(folder / "tasks", variables)
            settings = {"address": services, "start_task": tasks, **settings}
        api = stack.enter_context(
            CloudRunApi(accepts=lambda token: _is_signed(accounts, token), **settings)
        )
        roots = folder / "cloud-run-api.pem"
        roots.write_text(api.certificate)
        env = {
            "HELIOS_CLOUD_RUN_ENDPOINT": api.endpoint,
            "HELIOS_CLOUD_QUOTAS_ENDPOINT": quotas.endpoint,
            "HELIOS_SECRET_MANAGER_ENDPOINT": secrets.endpoint,
            "HELIOS_IAM_ENDPOINT": accounts.url,
            # gRPC's variable for its root certificates.
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(roots),
            "STORAGE_EMULATOR_HOST": buckets.endpoint,
            "GOOGLE_APPLICATION_CREDENTIALS": account,
        }
        yield GoogleCloud(
            api=api,
            buckets=buckets,
            accounts=accounts,
            quotas=quotas,
            secrets=secrets,
            env=env,
            services=services,
            tasks=tasks,
        )


def cpu_quota(cpus: int, *, region: str = "europe-west1") -> Reply:
    """Return the answer of the Cloud Quotas API for a number of CPUs in a region."""
    info = {"dimensions": {"region": region}, "details": {"value": str(cpus * 1000)}}
    quota = {"quotaId": "CpuAllocPerProjectRegion", "dimensionsInfos": [info]}
    return Reply(body=json.dumps(quota).encode(), headers={"Content-Type": "application/json"})


def secret_version(value: str) -> Reply:
    """Return the answer of Secret Manager with a secret's latest version."""
    payload = {"data": base64.b64encode(value.encode()).decode()}
    return Reply(body=json.dumps({"payload": payload}).encode())


def _is_signed(accounts: TokenServer, token: str) -> bool:
    """Whether a token was made with the account's key, as clients do for Google's APIs."""
    try:
        accounts.account_key.verify(token)
    except (InvalidSignature, ValueError):
        return False
    return True
