"""The errors of invocations of an AWS Lambda function."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from helios.errors import (
    AccessDenied,
    CommandTimedOut,
    HeliosError,
    InvocationInvalid,
    OptionInvalid,
    OutOfMemory,
    PayloadTooLarge,
    WorkerCrashed,
    WorkerNotFound,
    WorkerThrottled,
    WorkerUnavailable,
)
from orchestrator.clouds.aws import credential_errors

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError
    from mypy_boto3_lambda.type_defs import InvocationResponseTypeDef

# Lines of the function's log that an error quotes.
_QUOTED_LINES = 8

_SERVER_ERRORS = 500
_BY_CODE: Mapping[str, type[HeliosError]] = {
    "ThrottlingException": WorkerThrottled,
    "EC2ThrottledException": WorkerThrottled,
    "KMSAccessDeniedException": AccessDenied,
    "UnrecognizedClientException": AccessDenied,
    "InvalidSignatureException": AccessDenied,
    "ExpiredTokenException": AccessDenied,
    # The function is being created or changed, which is over soon.
    "ResourceConflictException": WorkerUnavailable,
}
_BY_STATUS: Mapping[int, type[HeliosError]] = {
    401: AccessDenied,
    403: AccessDenied,
    404: WorkerNotFound,
    413: PayloadTooLarge,
    429: WorkerThrottled,
}
_HINTS: Mapping[type[HeliosError], str] = {
    AccessDenied: "Check the credentials, and that they allow lambda:InvokeFunction on it.",
    WorkerNotFound: "Check the function's name, the region and the account.",
    WorkerThrottled: "Lower the concurrency, or raise the limit of the function or the account.",
    PayloadTooLarge: "Give the job spec as a URL: an invocation holds 6 MB at most.",
}
# What can't heal: the image or its configuration must change.
_BROKEN_FUNCTION = (
    "Runtime.ImportModuleError",
    "Runtime.HandlerNotFound",
    "Runtime.UserCodeSyntaxError",
    "Runtime.MalformedHandlerName",
    "Runtime.InvalidEntrypoint",
    "Runtime.InvalidWorkingDir",
)
_TIMED_OUT = re.compile(r"Task timed out after ([\d.]+) seconds")
_KILLED = "signal: killed"


def failure(function: str, answer: bytes, log: Sequence[str]) -> HeliosError:
    """Return the error of an invocation that ended without the worker's answer.

    `answer` is the payload, which the runtime wrote in place of the worker; `log` has the last
    lines of the function's log.
    """
    try:
        told = json.loads(answer)
    except ValueError:
        told = None
    told = told if isinstance(told, Mapping) else {}
    kind = str(told.get("errorType") or "")
    message = str(told.get("errorMessage") or answer.decode(errors="replace"))
    what = f"function {function}: "
    if late := _TIMED_OUT.search(message):
        return CommandTimedOut(
            f"{what}ended by Lambda after {late[1]} s",
            hint="Give the function more time or memory, or cut smaller chunks.",
            details=log,
        )
    if kind == "Function.ResponseSizeTooLarge":
        return PayloadTooLarge(what + message)
    if kind == "Runtime.OutOfMemory" or _KILLED in message:
        return OutOfMemory(
            f"{what}killed, as happens where memory runs out",
            hint="Give the function more memory.",
            details=log,
        )
    if kind == "Runtime.UnmarshalError":
        return InvocationInvalid(what + message, hint="The payload isn't JSON that Python reads.")
    broken = kind in _BROKEN_FUNCTION
    return WorkerCrashed(
        what + (f"{kind}: {message}" if kind else message),
        hint="The function can't start: deploy it again." if broken else "",
        details=log,
        retryable=not broken,
    )


def refusal(function: str, fault: "ClientError") -> HeliosError:
    """Return the error for an error response of the Lambda API."""
    said: Mapping[str, Any] = fault.response
    code = str(said.get("Error", {}).get("Code", ""))
    status = said.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status, WorkerUnavailable)
    heals = kind.retryable and (kind is not WorkerUnavailable or _heals(code, status))
    reason = said.get("Reason") or code
    text = said.get("Error", {}).get("Message") or str(fault)
    return kind(
        f"function {function}: {text} ({reason})",
        hint=_HINTS.get(kind, ""),
        retryable=heals,
    )


def connection_failure(
    function: str, fault: "BotoCoreError", *, read_timeout: float
) -> HeliosError:
    """Return the error for a request that didn't reach the Lambda API, or got no response."""
    from botocore import exceptions  # noqa: PLC0415

    what = f"function {function}: {fault}"
    if isinstance(fault, credential_errors()):
        return AccessDenied(what, hint="Configure AWS credentials for this process.")
    if isinstance(fault, exceptions.ParamValidationError):
        return OptionInvalid(what)
    if isinstance(fault, exceptions.ReadTimeoutError):
        return WorkerUnavailable(
            f"function {function}: no answer within {read_timeout:g} s, which is"
            " longer than it may run: the connection was lost"
        )
    return WorkerUnavailable(what)


def _heals(code: str, status: int) -> bool:
    return status >= _SERVER_ERRORS or code in _BY_CODE


def log_tail(response: "InvocationResponseTypeDef") -> list[str]:
    """Return the last lines of the function's log, as far as the response quotes it."""
    text = base64.b64decode(response.get("LogResult", "")).decode(errors="replace")
    lines = [line.rstrip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith(("START ", "END "))][
        -_QUOTED_LINES:
    ]
