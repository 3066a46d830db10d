"""Waiting for Google's long-running operations."""

import asyncio
import time
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, from_grpc_status

from helios.errors import DeploymentFailed
from helios_infra.cloud_run.changes import OnStep, Waiting

#: Seconds between two looks at an operation: at first, and at most.
FIRST_POLL = 0.5
LONGEST_POLL = 5.0
#: Seconds that one operation may take.
TIMEOUT = 600.0


async def finish(
    operation: Any,
    *,
    resource: str,
    on_step: OnStep,
    first_poll: float = FIRST_POLL,
    timeout: float = TIMEOUT,  # noqa: ASYNC109 - the operation goes on, which the error says
) -> Any:
    """Wait for an operation, reporting its status; return its result.

    Cancelling the calling task stops the waiting, not the operation.

    Raises:
        DeploymentFailed: The time was up.
        google.api_core.exceptions.GoogleAPICallError: The operation failed.
    """
    give_up = time.monotonic() + timeout
    poll, told = first_poll, ""
    while not await operation.done():
        said = _said(operation)
        if said and said != told:
            on_step(Waiting(resource, said))
            told = said
        if time.monotonic() > give_up:
            raise DeploymentFailed(
                f"{resource}: still not done after {timeout:g} s",
                hint="The operation goes on; look at the status, or deploy again, later.",
                retryable=True,
            )
        await asyncio.sleep(poll)
        poll = min(poll * 1.5, LONGEST_POLL)
    try:
        return await operation.result()
    except GoogleAPICallError as fault:
        # The client doesn't distinguish kinds of failures here.
        raise from_grpc_status(operation.operation.error.code, fault.message) from fault


def _said(operation: Any) -> str:
    """Return the messages of the resource's unmet conditions."""
    resource = operation.metadata
    conditions = [
        *getattr(resource, "conditions", ()),
        *filter(None, [getattr(resource, "terminal_condition", None)]),
    ]
    messages = [condition.message for condition in conditions if condition.message]
    return "; ".join(dict.fromkeys(messages))
