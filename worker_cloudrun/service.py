"""The HTTP interface of the worker, independent of the server."""

import threading
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from flask import Request, Response
from werkzeug.exceptions import HTTPException

from helios.contract.invocation import Invocation
from helios.errors import HeliosError, InvocationInvalid, WorkerNotFound
from helios.worker.runtime import WorkerRuntime
from helios.worker.worker_config import WorkerConfig
from helios.worker.worker_log import WorkerLog
from worker_cloudrun.http_answers import answered, refused
from worker_cloudrun.progress import NDJSON, Progress
from worker_cloudrun.renders import Renders
from worker_cloudrun.request_body import connection, read_body
from worker_cloudrun.service_config import ServiceConfig
from worker_cloudrun.trace import project_of_instance, trace_fields

if TYPE_CHECKING:
    from worker_cloudrun.identity import CallerCheck

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
            return refused(error, log)
        except HTTPException as fault:
            return refused(InvocationInvalid(f"the request: {fault.description}"), log)

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
            return refused(error, log, status=405, headers={"Allow": ", ".join(allowed)})
        if request.path == "/":
            return self._render(request, log)
        if request.path == "/readyz" and self._renders.draining:
            return Response("shutting down\n", status=503, mimetype="text/plain")
        return Response("ok\n", mimetype="text/plain")

    def _render(self, request: Request, log: WorkerLog) -> Response:
        if self._callers is not None:
            log = log.bind(caller=self._callers.check(request.headers.get("Authorization")))
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
        return answered(status, response)


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
    callers = service.caller_check(worker.audience)
    return RenderService(renders, config=service, log=runtime.log, callers=callers)
