"""The HTTP interface of the worker, independent of the server."""

import json
import threading
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from flask import Request, Response
from werkzeug.exceptions import HTTPException

from helios.contract.invocation import Invocation, InvocationResponse
from helios.errors import (
    AccessDenied,
    CallerRejected,
    HeliosError,
    InvocationInvalid,
    PayloadTooLarge,
    WorkerNotFound,
    WorkerThrottled,
    WorkerUnavailable,
)
from helios.worker.responses import failure
from helios.worker.runtime import WorkerRuntime
from helios.worker.worker_config import WorkerConfig
from helios.worker.worker_log import WorkerLog
from worker_cloudrun.progress import NDJSON, Progress
from worker_cloudrun.renders import Renders
from worker_cloudrun.request_body import BodyTooSlow, connection, read_body
from worker_cloudrun.service_config import ServiceConfig
from worker_cloudrun.trace import project_of_instance, trace_fields

if TYPE_CHECKING:
    from worker_cloudrun.identity import CallerCheck

#: Value of Retry-After, in seconds, for callers refused by a busy instance.
RETRY_AFTER = 5

_STATUS: Mapping[type[HeliosError], int] = {
    CallerRejected: 401,
    AccessDenied: 403,
    WorkerNotFound: 404,
    BodyTooSlow: 408,
    PayloadTooLarge: 413,
    WorkerThrottled: 429,
    WorkerUnavailable: 503,
}
_HEADERS: Mapping[type[HeliosError], Mapping[str, str]] = {
    CallerRejected: {"WWW-Authenticate": "Bearer"},
    WorkerThrottled: {"Retry-After": str(RETRY_AFTER)},
    WorkerUnavailable: {"Retry-After": "1"},
}
_METHODS: Mapping[str, tuple[str, ...]] = {
    "/": ("POST",),
    "/healthz": ("GET", "HEAD"),
    "/readyz": ("GET", "HEAD"),
}


class RenderService:
    """Answers requests.

    Args:
        renders: Runs invocations.
        config: How requests are taken.
        log: Log of requests.
        callers: Verifies callers; None if only the platform does.
    """

    def __init__(
        self,
        renders: Renders,
        *,
        config: ServiceConfig,
        log: WorkerLog,
        callers: "CallerCheck | None" = None,
    ) -> None:
        self._renders = renders
        self._config = config
        self._log = log
        self._callers = callers
        self._project = config.project or project_of_instance()

    def handle(self, request: Request) -> Response:
        """Answer a request: never raises."""
        log = self._log.bind(**trace_fields(request.headers, project=self._project))
        try:
            return self._route(request, log)
        except HeliosError as error:
            return _refusal(error, log)
        except HTTPException as fault:
            return _refusal(InvocationInvalid(f"the request: {fault.description}"), log)

    def drain(self) -> None:
        """Refuse further requests, and finish or end running ones before the instance ends."""
        self._renders.drain(self._config.shutdown_grace)

    def _route(self, request: Request, log: WorkerLog) -> Response:
        allowed = _METHODS.get(request.path)
        if allowed is None:
            raise WorkerNotFound(
                f"nothing is at {request.path[:100]!r}", hint="Send invocations to /."
            )
        if request.method not in allowed:
            error = InvocationInvalid(f"{request.method}: {request.path} takes {allowed[0]} only")
            return _refusal(error, log, status=405, headers={"Allow": ", ".join(allowed)})
        if request.path == "/":
            return self._render(request, log)
        if request.path == "/readyz" and self._renders.draining:
            return Response("shutting down\n", status=503, mimetype="text/plain")
        return Response("ok\n", mimetype="text/plain")

    def _render(self, request: Request, log: WorkerLog) -> Response:
        if self._callers is not None:
            log = log.bind(caller=self._callers.check(request.headers.get("Authorization")))
        if wrong := _wrong_type(request):
            return _refusal(InvocationInvalid(wrong), log, status=415)
        invocation = Invocation.parse(
            read_body(
                request,
                limit=self._config.max_request_bytes,
                timeout=self._config.body_timeout,
            )
        )
        caller = connection(request)
        if NDJSON in request.accept_mimetypes.values():
            progress = Progress()
            answer = self._renders.begin(
                invocation, log=log, on_output=progress.on_output, caller=caller
            )
            return Response(progress.lines(self._renders, answer), mimetype=NDJSON)
        status, response = self._renders.begin(invocation, log=log, caller=caller).result()
        return _answer(status, response)


_MAKING = threading.Lock()


def this_service() -> RenderService:
    """Return this process's service, created at first use.

    Raises `OptionInvalid` or `SourceForbidden` if the environment can't be worked with.
    """
    with _MAKING:
        return _service()


@cache
def _service() -> RenderService:
    worker, service = WorkerConfig.from_env(), ServiceConfig.from_env()
    runtime = WorkerRuntime(worker)
    renders = Renders(runtime, concurrency=worker.concurrency, time_limit=service.time_limit)
    return RenderService(
        renders, config=service, log=runtime.log, callers=_callers(worker, service)
    )


def _callers(worker: WorkerConfig, service: ServiceConfig) -> "CallerCheck | None":
    if not worker.audience:
        return None
    # Imported only if callers are verified.
    from worker_cloudrun.identity import CallerCheck, Certificates  # noqa: PLC0415

    return CallerCheck(
        audiences=worker.audience,
        callers=service.allowed_callers,
        certificates=Certificates(service.certs_url),
    )


def _wrong_type(request: Request) -> str | None:
    kind = request.mimetype
    if kind and kind != "application/json" and not kind.endswith("+json"):
        return f"Content-Type {kind[:100]!r}: should be application/json"
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        return f"Content-Encoding {encoding[:100]!r}: should be none"
    return None


def _refusal(
    error: HeliosError,
    log: WorkerLog,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    known, response = failure(error)
    status = status or _STATUS.get(type(error), known)
    log.warning("request.refused", status=status, code=error.code, message=error.message)
    answer = _answer(status, response)
    answer.headers.extend({**_HEADERS.get(type(error), {}), **(headers or {})})
    return answer


def _answer(status: int, response: InvocationResponse) -> Response:
    body = json.dumps(response.body()).encode()
    # The functions framework reads the rest of a request, however long, before it answers,
    # except where the answer is a stream.
    answer = Response(iter([body]), status=status, mimetype="application/json")
    answer.content_length = len(body)
    return answer
