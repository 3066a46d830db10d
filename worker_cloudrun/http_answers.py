"""Answers to HTTP requests: those of invocations, and refusals."""

import json
from collections.abc import Mapping

from flask import Response

from helios.contract.invocation import InvocationResponse
from helios.errors import (
    AccessDenied,
    CallerRejected,
    HeliosError,
    PayloadTooLarge,
    WorkerNotFound,
    WorkerThrottled,
    WorkerUnavailable,
)
from helios.worker.responses import failure
from helios.worker.worker_log import WorkerLog
from worker_cloudrun.request_body import BodyTooSlow, BodyTypeWrong

#: Value of Retry-After, in seconds, for callers refused by a busy instance.
RETRY_AFTER = 5

_STATUS: Mapping[type[HeliosError], int] = {
    CallerRejected: 401,
    AccessDenied: 403,
    WorkerNotFound: 404,
    BodyTooSlow: 408,
    PayloadTooLarge: 413,
    BodyTypeWrong: 415,
    WorkerThrottled: 429,
    WorkerUnavailable: 503,
}
_HEADERS: Mapping[type[HeliosError], Mapping[str, str]] = {
    CallerRejected: {"WWW-Authenticate": "Bearer"},
    WorkerThrottled: {"Retry-After": str(RETRY_AFTER)},
    WorkerUnavailable: {"Retry-After": "1"},
}


def answered(status: int, response: InvocationResponse) -> Response:
    """Return the HTTP response with an answer."""
    body = json.dumps(response.body()).encode()
    # The functions framework reads the rest of a request, however long, before it answers,
    # except where the answer is a stream.
    answer = Response(iter([body]), status=status, mimetype="application/json")
    answer.content_length = len(body)
    return answer


def refused(
    error: HeliosError,
    log: WorkerLog,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the HTTP response for a request that failed, and log the error."""
    known, response = failure(error)
    status = status or _STATUS.get(type(error), known)
    log.warning("request.refused", status=status, code=error.code, message=error.message)
    answer = answered(status, response)
    answer.headers.extend({**_HEADERS.get(type(error), {}), **(headers or {})})
    return answer
