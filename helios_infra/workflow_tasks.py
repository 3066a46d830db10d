"""States of the workflow that call functions, and what is tried again."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from helios import errors

#: Seconds that Step Functions waits for a function beyond the function's own limit.
_SLACK = 60
#: Seconds before a first further try, and the longest wait; each wait is drawn at random below its
#: bound, so that chunks that failed together don't come back together.
_FIRST_DELAY, _LONGEST_DELAY = 2, 60

#: Further tries that Step Functions takes at most.
_WITHOUT_END = 99_999_999
#: Tries that the events of one execution, of which there may be 25,000, have room for.
_TRIES_AN_EXECUTION = 4000

#: A job or merge as a whole is tried again by a person, not by the workflow.
_WHOLE = (errors.JobFailed, errors.MergeFailed)
# Lambda's errors for a worker that ended without naming an error code.
_DIED = (
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Runtime.OutOfMemory",
    "Sandbox.Timedout",
    "States.Timeout",
)
_THROTTLED = ("Lambda.EC2ThrottledException", "Lambda.TooManyRequestsException")
_PLATFORM = (
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.CodeArtifactUserPendingException",
    "Lambda.ResourceNotReadyException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
)

State = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A Lambda function that the workflow calls.

    Args:
        arn: Its ARN.
        timeout: Seconds that one invocation may take.
        retries: Further tries after failures that may heal.
        longest_wait: Seconds between two tries while it is throttled, at most; half of it on
            average.
    """

    arn: str
    timeout: int
    retries: int
    longest_wait: int = _LONGEST_DELAY


def longest_wait(render_timeout: int) -> int:
    """Return the seconds between tries by which a render may be throttled to its end.

    Args:
        render_timeout: Seconds that it may take as a whole.
    """
    return max(_LONGEST_DELAY, math.ceil(2 * render_timeout / _TRIES_AN_EXECUTION))


def retried_codes() -> list[str]:
    """Return the error codes of workers after which another try may succeed."""
    return sorted(
        {
            error.code
            for error in _subclasses(errors.HeliosError)
            if error.retryable and error not in _WHOLE
        }
    )


def _subclasses(error: type[errors.HeliosError]) -> Iterable[type[errors.HeliosError]]:
    for subclass in error.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def merge(worker: Function) -> State:
    """Return the state that joins the chunks; the worker checks first that each is there."""
    return invoke(
        worker,
        {
            "jobPath.$": "$.jobPath",
            "action": "merge",
            "attempt.$": "States.MathAdd($$.State.RetryCount, 1)",
            "raiseErrors": True,
        },
        ResultSelector={"response.$": "States.StringToJson($.Payload.body)"},
        ResultPath="$.merge",
        Catch=catch_all("RecordFailure"),
        Next="RecordSuccess",
    )


def record_outcome(function: Function) -> dict[str, State]:
    """Return the states that record how the render ended.

    A record that can't be written doesn't change how it ended: the event that Step Functions sends
    at the end of every execution, and whose form these have, calls the same function once more.
    """
    execution = {
        "executionArn.$": "$$.Execution.Id",
        "startDate.$": "$$.Execution.StartTime",
        "input.$": "$$.Execution.Input",
    }
    return {
        "RecordSuccess": invoke(
            function,
            {**execution, "status": "SUCCEEDED", "output.$": "$.merge.response"},
            ResultPath=None,
            Catch=catch_all("Rendered", path="$.unrecorded"),
            Next="Rendered",
        ),
        "RecordFailure": invoke(
            function,
            {
                **execution,
                "status": "FAILED",
                "error.$": "$.error.Error",
                "cause.$": "$.error.Cause",
            },
            ResultSelector={
                "Error.$": "$.Payload.error.code",
                "Cause.$": "$.Payload.error.message",
            },
            ResultPath="$.error",
            Catch=catch_all("Failed", path="$.unrecorded"),
            Next="Failed",
        ),
    }


def invoke(function: Function, payload: dict[str, Any], **fields: Any) -> State:
    """Return a state that calls a function, with further fields of the state."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function.arn, "Payload": payload},
        "TimeoutSeconds": function.timeout + _SLACK,
        "Retry": [
            # Waiting for a free worker is no failure: it lasts as long as the whole render may.
            retry(_THROTTLED, attempts=_WITHOUT_END, longest=function.longest_wait),
            retry(_PLATFORM, attempts=6),
            retry([*retried_codes(), *_DIED], attempts=function.retries),
        ],
        **fields,
    }


def retry(names: Sequence[str], *, attempts: int, longest: int = _LONGEST_DELAY) -> dict[str, Any]:
    """Return how often errors of these names are tried again; waits are drawn below a bound."""
    return {
        "ErrorEquals": list(names),
        "IntervalSeconds": _FIRST_DELAY,
        "BackoffRate": 2,
        "MaxDelaySeconds": longest,
        "JitterStrategy": "FULL",
        "MaxAttempts": attempts,
    }


def catch_all(target: str, *, path: str = "$.error") -> list[dict[str, Any]]:
    """Return what sends any error to another state, with the error at a path."""
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": path, "Next": target}]
