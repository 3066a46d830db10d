"""Chunks as synchronous invocations of an AWS Lambda function."""

import asyncio
import base64
import contextlib
import functools
import json
import re
import socket
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from helios.contract.invocation import Invocation, InvocationResponse
from helios.contract.worker_job import WorkerJob, WorkerResult
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
from helios.process.output_capture import OutputCallback
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.clouds.daemon_threads import DaemonThreads

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import InvocationResponseTypeDef

#: Invocations at once, unless told otherwise: an account's standard limit.
CONCURRENCY = 1_000
#: Seconds that a function may run at most.
MAX_FUNCTION_TIMEOUT = 900.0
# Seconds beyond the function's own limit until its answer must be here: a cold start comes on top.
_READ_SLACK = 60.0
_CONNECT_TIMEOUT = 10.0
# Seconds of silence before a connection is probed, and between probes: routers forget a connection
# on which nothing moves after some minutes, and a render is silent for longer.
_KEEP_ALIVE = 45
# Lines of the function's log that an error quotes.
_QUOTED_LINES = 8

_OK = 200
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


class AwsLambdaAdapter(WorkerAdapter):
    """Runs jobs by invoking a Lambda function and waiting for its answer.

    An invocation is sent once. What fails is told to the caller, who decides on another try: the
    retries of the SDK would render a chunk twice without anybody knowing.

    An invocation can't be called back. Once a job is cancelled, or its time limit has passed, the
    adapter only stops waiting: the function goes on until it is done or its own limit is reached,
    is paid for until then, and what it stores is as good as any. A job whose invocation wasn't
    sent yet is never sent.

    Parameters
    ----------
    function:
        Name or ARN of the function, with `:alias` or `:version` where wanted.
    region:
        AWS region; by default the ARN's, or the one that the environment configures.
    endpoint_url:
        Where the Lambda API is, if not at AWS.
    concurrency:
        Invocations at once; further ones wait. Threads and connections are made as needed.
    function_timeout:
        Seconds after which the function is ended by its configuration, or more.
    client:
        A client to use in place of one of the adapter's own. It should not retry.

    Raises
    ------
    OptionInvalid
        A value can't be worked with, or no region is configured.
    AccessDenied
        The configured credentials can't be loaded.
    """

    def __init__(
        self,
        function: str,
        *,
        region: str | None = None,
        endpoint_url: str | None = None,
        concurrency: int = CONCURRENCY,
        function_timeout: float = MAX_FUNCTION_TIMEOUT,
        client: "LambdaClient | None" = None,
    ) -> None:
        if not function:
            raise OptionInvalid("function: no name is given")
        if concurrency < 1:
            raise OptionInvalid(f"concurrency: {concurrency} is less than 1")
        if not function_timeout > 0:
            raise OptionInvalid(f"function timeout: {function_timeout} s is not above 0")
        self.function = function
        self._read_timeout = function_timeout + _READ_SLACK
        self._threads = DaemonThreads(concurrency, name=f"lambda {function}")
        self._client = client or _client(
            function,
            region=region,
            endpoint_url=endpoint_url,
            concurrency=concurrency,
            read_timeout=self._read_timeout,
        )

    async def execute(
        self,
        job: WorkerJob,
        *,
        on_output: OutputCallback | None = None,  # noqa: ARG002 - there is none before the answer
    ) -> WorkerResult:
        """Invoke the function for one job and return its answer.

        Raises
        ------
        WorkerThrottled, WorkerUnavailable, WorkerCrashed, OutOfMemory, CommandTimedOut
            Another try may succeed.
        WorkerNotFound, AccessDenied, PayloadTooLarge, InvocationInvalid
            None will. (Neither does one after `WorkerCrashed` where the function can't start.)
        """
        payload = Invocation.of(job).encoded()
        try:
            async with asyncio.timeout(job.timeout):
                return await self._threads.run(functools.partial(self._invoke, payload))
        except TimeoutError:
            raise CommandTimedOut(
                f"function {self.function}: no answer within {job.timeout:g} s",
                hint="It goes on until its own time limit; allow more time, or cut smaller chunks.",
            ) from None

    def _invoke(self, payload: bytes) -> WorkerResult:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            # The end of the function's log says why it died, where its answer can't.
            response = self._client.invoke(
                FunctionName=self.function,
                InvocationType="RequestResponse",
                LogType="Tail",
                Payload=payload,
            )
            answer = response["Payload"].read()
        except ClientError as fault:
            raise self._refused(fault) from fault
        except BotoCoreError as fault:
            raise self._unsent(fault) from fault
        except OSError as fault:
            raise WorkerUnavailable(f"function {self.function}: {fault}") from fault
        if "FunctionError" in response:
            raise self._failed(answer, _log_tail(response))
        return self._read(answer)

    def _read(self, answer: bytes) -> WorkerResult:
        try:
            value = json.loads(answer)
        except ValueError:
            value = answer
        status = _OK
        if isinstance(value, Mapping) and "body" in value:
            given = value.get("statusCode")
            status = given if isinstance(given, int) else _OK
            value = value["body"]
        try:
            return InvocationResponse.parse(value, status=status).result()
        except InvocationInvalid as fault:
            raise InvocationInvalid(
                f"function {self.function}: its answer breaks the wire format: {fault.message}",
                hint="Is it a worker's function, and of this version?",
                details=fault.details,
            ) from None

    def _failed(self, answer: bytes, log: Sequence[str]) -> HeliosError:
        """Return what a function's failure is: its runtime or its code ended without an answer."""
        try:
            told = json.loads(answer)
        except ValueError:
            told = None
        told = told if isinstance(told, Mapping) else {}
        kind = str(told.get("errorType") or "")
        message = str(told.get("errorMessage") or answer.decode(errors="replace"))
        what = f"function {self.function}: "
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
        broken = kind in _BROKEN_FUNCTION
        return WorkerCrashed(
            what + (f"{kind}: {message}" if kind else message),
            hint="The function can't start: deploy it again." if broken else "",
            details=log,
            retryable=not broken,
        )

    def _refused(self, fault: "ClientError") -> HeliosError:
        """Return what an answer of the Lambda API other than success means."""
        said: Mapping[str, Any] = fault.response
        code = str(said.get("Error", {}).get("Code", ""))
        status = said.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        kind = _BY_CODE.get(code) or _BY_STATUS.get(status, WorkerUnavailable)
        heals = kind.retryable and (kind is not WorkerUnavailable or _heals(code, status))
        reason = said.get("Reason") or code
        text = said.get("Error", {}).get("Message") or str(fault)
        return kind(
            f"function {self.function}: {text} ({reason})",
            hint=_HINTS.get(kind, ""),
            retryable=heals,
        )

    def _unsent(self, fault: "BotoCoreError") -> HeliosError:
        """Return what a failure between here and the Lambda API means."""
        from botocore import exceptions  # noqa: PLC0415

        what = f"function {self.function}: {fault}"
        if isinstance(fault, _credential_errors()):
            return AccessDenied(what, hint="Configure AWS credentials for this process.")
        if isinstance(fault, exceptions.ParamValidationError):
            return OptionInvalid(what)
        if isinstance(fault, exceptions.ReadTimeoutError):
            return WorkerUnavailable(
                f"function {self.function}: no answer within {self._read_timeout:g} s, which is"
                " longer than it may run: the connection was lost"
            )
        return WorkerUnavailable(what)


def _heals(code: str, status: int) -> bool:
    return status >= _SERVER_ERRORS or code in _BY_CODE


def _credential_errors() -> tuple[type[Exception], ...]:
    from botocore import exceptions  # noqa: PLC0415

    return (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.TokenRetrievalError,
        exceptions.SSOError,
        # Where `aws login` isn't known yet, there are none of its errors.
        getattr(exceptions, "LoginError", exceptions.SSOError),
    )


def _log_tail(response: "InvocationResponseTypeDef") -> list[str]:
    text = base64.b64decode(response.get("LogResult", "")).decode(errors="replace")
    lines = [line.rstrip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith(("START ", "END "))][
        -_QUOTED_LINES:
    ]


def _client(
    function: str,
    *,
    region: str | None,
    endpoint_url: str | None,
    concurrency: int,
    read_timeout: float,
) -> "LambdaClient":
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    arn = function.split(":")
    if region is None and arn[0] == "arn" and len(arn) > 3:
        region = arn[3]
    config = Config(
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=read_timeout,
        max_pool_connections=concurrency,
        tcp_keepalive=True,
        retries={"total_max_attempts": 1},
    )
    try:
        # A session of its own: the module's shared one isn't made for threads.
        session = boto3.session.Session()
        client = session.client(
            "lambda", region_name=region, endpoint_url=endpoint_url, config=config
        )
    except (BotoCoreError, ValueError) as fault:
        if isinstance(fault, _credential_errors()):
            raise AccessDenied(f"function {function}: {fault}") from fault
        raise OptionInvalid(
            f"function {function}: {fault}",
            hint="Check the region (AWS_REGION) and the profile (AWS_PROFILE).",
        ) from fault
    _probe_silent_connections(client)
    return client


def _probe_silent_connections(client: Any) -> None:
    # Without these, keep-alive begins after two hours. The SDK has no setting for them; where its
    # inside changes, the system's own settings hold.
    with contextlib.suppress(AttributeError):
        options = client._endpoint.http_session._socket_options
        # macOS calls the first one TCP_KEEPALIVE.
        for name in ("TCP_KEEPIDLE", "TCP_KEEPALIVE", "TCP_KEEPINTVL"):
            if hasattr(socket, name):
                options.append((socket.IPPROTO_TCP, getattr(socket, name), _KEEP_ALIVE))
