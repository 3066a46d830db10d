"""Google's clients for Cloud Run, with errors of this project's own."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from helios.errors import WorkerUnavailable
from orchestrator.clouds.google_faults import google_faults

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud import run_v2

#: Names the Cloud Run API's host and port where it isn't the public one: a private endpoint, or
#: a stand-in on this machine.
ENDPOINT = "HELIOS_CLOUD_RUN_ENDPOINT"
#: Names the address of the Cloud Quotas API in the same way.
QUOTAS_ENDPOINT = "HELIOS_CLOUD_QUOTAS_ENDPOINT"
_QUOTAS = "https://cloudquotas.googleapis.com"
#: Names the address of the Cloud Logging API in the same way.
LOGGING_ENDPOINT = "HELIOS_CLOUD_LOGGING_ENDPOINT"
_LOGGING = "https://logging.googleapis.com"
#: Entries that one answer of Cloud Logging holds.
_LOG_PAGE = 1000
#: Seconds that a call may take, and a read with all its further tries.
CALL_TIMEOUT = 30.0
READ_PATIENCE = 60.0

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


class GoogleCalls:
    """Clients of the Cloud Run API that share one identity, each made when it is first used.

    Args:
        credentials: The credentials; the application default credentials by default.
        env: Where endpoints may be named; this process's environment by default.
    """

    def __init__(
        self, credentials: "Credentials | None" = None, *, env: Mapping[str, str] | None = None
    ) -> None:
        self._credentials = credentials
        self._signed: Credentials | None = None
        variables = os.environ if env is None else env
        self._endpoint = variables.get(ENDPOINT)
        self._quotas = variables.get(QUOTAS_ENDPOINT) or _QUOTAS
        self._logging = variables.get(LOGGING_ENDPOINT) or _LOGGING
        self._lock = asyncio.Lock()
        self._clients: dict[str, Any] = {}

    async def identity(self) -> str:
        """Return the account of the credentials, if they name it; raises as `services` does."""
        credentials = await self._signed_in()
        email = getattr(credentials, "service_account_email", "") or getattr(
            credentials, "account", ""
        )
        return str(email) or "credentials of a user"

    async def quota(self, project: str, quota: str) -> Mapping[str, Any]:
        """Return a quota of Cloud Run, by the Cloud Quotas API."""
        address = (
            f"{self._quotas}/v1/projects/{project}/locations/global"
            f"/services/run.googleapis.com/quotaInfos/{quota}"
        )
        return await self._request(f"quota {quota}", "GET", address)

    async def log_entries(
        self, project: str, query: str, *, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """Return entries of Cloud Logging by a query in its language, the oldest first."""
        found: list[Mapping[str, Any]] = []
        request: dict[str, Any] = {
            "resourceNames": [f"projects/{project}"],
            "filter": query,
            "orderBy": "timestamp asc",
            "pageSize": min(limit, _LOG_PAGE),
        }
        while len(found) < limit:
            address = f"{self._logging}/v2/entries:list"
            answer = await self._request(f"logs of {project}", "POST", address, body=request)
            found += answer.get("entries", ())
            if not answer.get("nextPageToken"):
                break
            request["pageToken"] = answer["nextPageToken"]
        return found[:limit]

    async def _request(
        self, what: str, method: str, address: str, *, body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Call an API of Google's that needs no client of its own."""
        from google.api_core.exceptions import from_http_response  # noqa: PLC0415
        from google.auth.transport.requests import AuthorizedSession  # noqa: PLC0415
        from requests import RequestException  # noqa: PLC0415

        credentials = await self._signed_in()

        def ask() -> Mapping[str, Any]:
            with AuthorizedSession(credentials) as session:
                answer = session.request(method, address, json=body, timeout=CALL_TIMEOUT)
                if not answer.ok:
                    raise from_http_response(answer)
                found: Mapping[str, Any] = answer.json()
                return found

        with google_faults(what):
            try:
                return await asyncio.to_thread(ask)
            except RequestException as fault:
                raise WorkerUnavailable(f"{what}: {fault}") from fault

    async def services(self) -> "run_v2.ServicesAsyncClient":
        """Return the client of services.

        Raises:
            AccessDenied: There are no credentials, or they aren't good any more.
            WorkerUnavailable: The issuer of tokens can't be reached.
        """
        client: run_v2.ServicesAsyncClient = await self._client("ServicesAsyncClient")
        return client

    async def jobs(self) -> "run_v2.JobsAsyncClient":
        """Return the client of jobs; raises as `services` does."""
        client: run_v2.JobsAsyncClient = await self._client("JobsAsyncClient")
        return client

    async def executions(self) -> "run_v2.ExecutionsAsyncClient":
        """Return the client of executions; raises as `services` does."""
        client: run_v2.ExecutionsAsyncClient = await self._client("ExecutionsAsyncClient")
        return client

    async def close(self) -> None:
        """Close connections."""
        for client in self._clients.values():
            await client.transport.close()
        self._clients.clear()

    async def _client(self, kind: str) -> Any:
        from google.api_core.client_options import ClientOptions  # noqa: PLC0415
        from google.cloud import run_v2  # noqa: PLC0415

        credentials = await self._signed_in()
        if kind not in self._clients:
            options = ClientOptions(api_endpoint=self._endpoint) if self._endpoint else None
            self._clients[kind] = getattr(run_v2, kind)(
                credentials=credentials, client_options=options
            )
        return self._clients[kind]

    async def _signed_in(self) -> "Credentials":
        # Without a token, a call would be repeated until its time limit.
        async with self._lock:
            if self._signed is None:
                self._signed = await asyncio.to_thread(_sign_in, self._credentials)
            return self._signed


def reading() -> dict[str, Any]:
    """Return the options of a call that changes nothing, and so may be made again."""
    from google.api_core import exceptions  # noqa: PLC0415
    from google.api_core.retry import AsyncRetry, if_exception_type  # noqa: PLC0415

    passing = if_exception_type(
        exceptions.InternalServerError, exceptions.ServiceUnavailable, exceptions.TooManyRequests
    )
    retry = AsyncRetry(predicate=passing, initial=0.5, maximum=8.0, timeout=READ_PATIENCE)
    return {"retry": retry, "timeout": CALL_TIMEOUT}


def _sign_in(credentials: "Credentials | None") -> "Credentials":
    import google.auth  # noqa: PLC0415
    from google.auth.transport.requests import Request  # noqa: PLC0415

    with google_faults("Google Cloud"):
        found = credentials or google.auth.default(scopes=_SCOPES)[0]
        if not found.valid:
            found.refresh(Request())
        return found
