"""The Google clients that provisioning works with."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import google.auth
from google.api_core.client_options import ClientOptions
from google.auth.credentials import Credentials
from google.auth.transport.requests import Request
from google.cloud import run_v2
from google.cloud.storage import Client as StorageClient

from helios_infra.cloud_run.failures import explained
from helios_infra.cloud_run.resources.account import AccountPolicies

#: Names the Cloud Run API's host and port where it isn't the public one: a private endpoint, or
#: a stand-in on this machine. Cloud Storage's is STORAGE_EMULATOR_HOST.
ENDPOINT_VARIABLE = "HELIOS_CLOUD_RUN_ENDPOINT"

#: Scope of tokens.
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


@dataclass(frozen=True, slots=True)
class CloudRunClients:
    """Clients that share one identity."""

    services: run_v2.ServicesAsyncClient
    jobs: run_v2.JobsAsyncClient
    storage: Any
    accounts: AccountPolicies

    async def close(self) -> None:
        """Let go of connections."""
        transports: list[Any] = [self.services.transport, self.jobs.transport]
        for transport in transports:
            await transport.close()
        self.storage.close()
        self.accounts.close()


async def sign_in(credentials: Credentials | None = None) -> Credentials:
    """Return credentials that hold a token.

    Without that, a call whose token can't be had would be tried again and again until its time is
    up, and not say why.

    Args:
        credentials: Whom to act as; by default the application default credentials.

    Raises:
        AccessDenied: There are no credentials, or they aren't good any more.
        DeploymentFailed: The token service can't be reached.
    """

    def work() -> Credentials:
        found = credentials or google.auth.default(scopes=SCOPES)[0]
        if not found.valid:
            found.refresh(Request())
        return found

    with explained("Google Cloud"):
        return await asyncio.to_thread(work)


def connect(
    project: str, credentials: Credentials, *, env: Mapping[str, str] | None = None
) -> CloudRunClients:
    """Return clients for a project; called within the event loop that they are used in.

    Args:
        project: Its id.
        credentials: Whom to act as.
        env: Where an endpoint may be named; this process's environment by default.
    """
    endpoint = (os.environ if env is None else env).get(ENDPOINT_VARIABLE)
    options = ClientOptions(api_endpoint=endpoint) if endpoint else None
    return CloudRunClients(
        services=run_v2.ServicesAsyncClient(credentials=credentials, client_options=options),
        jobs=run_v2.JobsAsyncClient(credentials=credentials, client_options=options),
        storage=StorageClient(project=project, credentials=credentials),
        accounts=AccountPolicies(credentials, env=env),
    )
