"""The Lambda function: a thin shell over `WorkerRuntime`."""

import asyncio
import json
from functools import cache
from typing import Any, Protocol

from helios.contract.invocation import InvocationResponse
from helios.contract.messages.output_tail import MAX_WORKFLOW_OUTPUT_BYTES
from helios.errors import HeliosError
from helios.process.credential_guard import guard_credentials
from helios.worker.diagnosis import with_page_problems
from helios.worker.responses import failure
from helios.worker.runtime import WorkerRuntime
from helios.worker.worker_config import WorkerConfig


class Context(Protocol):
    """The part of Lambda's context object that the handler uses."""

    @property
    def aws_request_id(self) -> str: ...

    def get_remaining_time_in_millis(self) -> int: ...


def handler(event: object, context: Context) -> dict[str, Any]:
    """Answer an invocation, whose fields are those of `Invocation`.

    The answer is `{"statusCode": 200, "body": "<JSON>"}`. If the event has `raiseErrors`, a failure
    is raised as an exception named after its code, for callers that distinguish errors by name.
    """
    status, response = asyncio.run(_answer(event, context))
    if isinstance(event, dict) and event.get("raiseErrors") is True:
        response = response.shortened(MAX_WORKFLOW_OUTPUT_BYTES)
        if response.exit_code != 0:
            raise _exception(response)
    return {"statusCode": status, "body": json.dumps(response.body())}


async def _answer(event: object, context: Context) -> tuple[int, InvocationResponse]:
    try:
        runtime = _runtime()
    except HeliosError as error:
        return failure(error)
    return await runtime.answer(
        event,
        deadline=context.get_remaining_time_in_millis() / 1000,
        log=runtime.log.bind(requestId=context.aws_request_id),
        origin={"requestId": context.aws_request_id},
    )


@cache
def _runtime() -> WorkerRuntime:
    """Return the runtime of this execution environment, created by its first invocation."""
    guard_credentials()
    return WorkerRuntime(WorkerConfig.from_env())


def _exception(response: InvocationResponse) -> Exception:
    error = response.error
    if error is None:
        return _named(HeliosError.code, {})
    record = with_page_problems(error, response.stderr).shortened(MAX_WORKFLOW_OUTPUT_BYTES)
    return _named(error.code, record.model_dump(by_alias=True, exclude_none=True))


def _named(code: str, record: dict[str, Any]) -> Exception:
    named: type[Exception] = type(code, (Exception,), {})
    return named(json.dumps(record))
