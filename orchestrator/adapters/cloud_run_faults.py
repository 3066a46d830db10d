"""The errors of requests to a Google Cloud Run service."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from helios.errors import (
    AccessDenied,
    CommandTimedOut,
    HeliosError,
    InvocationInvalid,
    OptionInvalid,
    PayloadTooLarge,
    WorkerCrashed,
    WorkerNotFound,
    WorkerThrottled,
    WorkerUnavailable,
)
from orchestrator.adapters.identity import claims_of
from orchestrator.clouds.plain_text import plain_text

if TYPE_CHECKING:
    import aiohttp

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_REDIRECTS = range(300, 400)
_SERVER_ERRORS = 500
_BY_STATUS: Mapping[int, type[HeliosError]] = {
    401: AccessDenied,
    403: AccessDenied,
    404: WorkerNotFound,
    408: WorkerUnavailable,
    413: PayloadTooLarge,
    429: WorkerThrottled,
    502: WorkerUnavailable,
    503: WorkerUnavailable,
    504: CommandTimedOut,
}
_HINTS: Mapping[int, str] = {
    401: "The token isn't accepted: check the audience, and this machine's clock.",
    403: "Deploy with --invoker and this account; for a service made by other means: gcloud run"
    " services add-iam-policy-binding SERVICE --region REGION --role roles/run.invoker"
    " --member user:YOU",
    404: "Check the service's URL, and that it takes requests from here (ingress).",
    413: "Give the job spec as a URL: a request holds an invocation only.",
    429: "Lower the concurrency, or raise the service's number of instances.",
    503: "Its log says more: an instance that crashed, or ran out of memory, looks like this.",
    504: "Raise the service's request time-out, or cut smaller chunks.",
}


def origin_of(service_url: str, *, secret: bool) -> str:
    """Return the origin of a service's URL; `secret` requests, with a token, need encryption."""
    try:
        parts = urlsplit(service_url)
        host = parts.hostname
    except ValueError as fault:
        raise OptionInvalid(f"service URL: {service_url!r}: {fault}") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise OptionInvalid(
            f"service URL: {service_url!r} is not an http(s):// URL",
            hint="gcloud run services describe NAME --format 'value(status.url)' prints it.",
        )
    if secret and parts.scheme == "http" and host not in _LOOPBACK:
        raise OptionInvalid(
            f"service URL: {service_url!r} would send the identity token unencrypted",
            hint="Give the https:// URL.",
        )
    return f"{parts.scheme}://{parts.netloc}"


def refusal(
    service_url: str, response: "aiohttp.ClientResponse", body: bytes, token: str | None
) -> HeliosError:
    """Return the error for a response that isn't a worker's: of Google's front end, or a proxy."""
    status = response.status
    what = f"service {service_url}: {status} {response.reason or ''}".rstrip()
    if status in _REDIRECTS:
        return WorkerNotFound(
            f"{what}: it leads to {response.headers.get('Location')!r}",
            hint="Give the service's own https:// URL.",
        )
    kind = _BY_STATUS.get(status)
    if kind is None:
        kind = WorkerCrashed if status >= _SERVER_ERRORS else InvocationInvalid
    if kind is AccessDenied:
        what += f" for {_subject(token)}"
    if wait := response.headers.get("Retry-After"):
        what += f" (again in {wait[:40]} s)"
    said = plain_text(body.decode(errors="replace"))
    return kind(what, hint=_HINTS.get(status, ""), details=[said] if said else [])


def trace_link(trace: str) -> str:
    """Return the address of the lines of a request, by its trace, in Cloud Logging."""
    query = quote(f'trace:"traces/{trace}"', safe="")
    return f"Cloud Logging: https://console.cloud.google.com/logs/query;query={query}"


def connection_failure(service_url: str, fault: Exception) -> HeliosError:
    """Return the error for a connection that wasn't made, or broke."""
    import aiohttp  # noqa: PLC0415

    what = f"service {service_url}: "
    if isinstance(fault, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return WorkerUnavailable(f"{what}{fault}", retryable=False)
    if isinstance(fault, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return WorkerUnavailable(f"{what}can't be reached: {fault}")
    told = str(fault) or type(fault).__name__
    return WorkerUnavailable(f"{what}the connection broke: {told}")


def _subject(token: str | None) -> str:
    """Return the account of a token, for messages."""
    if token is None:
        return "a request without identity token"
    claims = claims_of(token)
    who = claims.get("email") or claims.get("sub") or "this account"
    return f"{who} (audience {claims.get('aud')})"
