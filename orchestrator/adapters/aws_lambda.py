"""Chunks as synchronous invocations of an AWS Lambda function."""

import asyncio
import contextlib
import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from helios.contract.invocation import Invocation, InvocationResponse
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import (
    AccessDenied,
    CommandTimedOut,
    InvocationInvalid,
    OptionInvalid,
    WorkerUnavailable,
)
from helios.process.output_capture import OutputCallback
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.adapters.keep_alive import keep_alive_options
from orchestrator.adapters.lambda_faults import connection_failure, failure, log_tail, refusal
from orchestrator.clouds.aws import credential_errors
from orchestrator.clouds.daemon_threads import DaemonThreads

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

#: Default number of invocations at once: an account's standard limit.
CONCURRENCY = 1_000
#: Seconds that a function may run at most.
MAX_FUNCTION_TIMEOUT = 900.0
# Seconds beyond the function's own limit until its answer must be here: a cold start comes on top.
_READ_SLACK = 60.0
_CONNECT_TIMEOUT = 10.0
_OK = 200


class AwsLambdaAdapter(WorkerAdapter):
    """Runs jobs by invoking a Lambda function and waiting for its answer.

    An invocation is sent once; the caller decides on retries. Retries of the SDK are off, since
    they would render a chunk twice unnoticed.

    An invocation can't be cancelled. When a job is cancelled or its time limit has passed, the
    adapter only stops waiting: the function runs, and is billed, until it ends or reaches its own
    time limit, and its output is valid. A job whose invocation wasn't sent yet is never sent.

    Args:
        function: Name or ARN of the function, with `:alias` or `:version` where wanted.
        region: AWS region; by default the ARN's, or the one that the environment configures.
        endpoint_url: URL of the Lambda API, if it isn't that of AWS.
        concurrency: Invocations at once; further ones wait. Threads and connections are made as
            needed.
        function_timeout: Time limit of the function in seconds, or more.
        client: A client to use in place of a new one. It should not retry.

    Raises:
        OptionInvalid: A value is invalid, or no region is configured.
        AccessDenied: The configured credentials can't be loaded.
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

        Raises:
            WorkerThrottled, WorkerUnavailable, WorkerCrashed, OutOfMemory, CommandTimedOut: Another
                try may succeed.
            WorkerNotFound, AccessDenied, PayloadTooLarge, InvocationInvalid: None will. (Neither
                does one after `WorkerCrashed` where the function can't start.)
        """
        payload = Invocation.of(job).encoded()
        try:
            async with asyncio.timeout(job.timeout):
                return await self._threads.run(functools.partial(self._invoke, payload))
        except TimeoutError:
            raise CommandTimedOut(
                f"function {self.function}: no answer within {job.timeout:g} s",
                hint="It runs until its own time limit; allow more time, or cut smaller chunks.",
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
            raise refusal(self.function, fault) from fault
        except BotoCoreError as fault:
            raise connection_failure(
                self.function, fault, read_timeout=self._read_timeout
            ) from fault
        except OSError as fault:
            raise WorkerUnavailable(f"function {self.function}: {fault}") from fault
        if "FunctionError" in response:
            raise failure(self.function, answer, log_tail(response))
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
        if isinstance(fault, credential_errors()):
            raise AccessDenied(f"function {function}: {fault}") from fault
        raise OptionInvalid(
            f"function {function}: {fault}",
            hint="Check the region (AWS_REGION) and the profile (AWS_PROFILE).",
        ) from fault
    _probe_silent_connections(client)
    return client


def _probe_silent_connections(client: Any) -> None:
    # Without these, keep-alive begins after two hours. The SDK has no setting for them; if its
    # internals change, the system's own settings apply.
    with contextlib.suppress(AttributeError):
        client._endpoint.http_session._socket_options.extend(keep_alive_options())
