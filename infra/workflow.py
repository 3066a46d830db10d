"""The workflow of a detached render, in Amazon States Language.

It is started with `{"jobId": ..., "maxConcurrency"?: ..., "webhook"?: ..., "webhookLink"?: ...}`
after the job spec was stored as `jobs/<id>/job.json` in the stack's bucket. A run that goes on with
a job that failed adds `"chunksFile"`, another file of the job's folder, whose `chunks` name those
that are missing, or `"mergeOnly": true` where none is. After `"stopAt"`, a time, no chunk is begun
any more: by then the render may have cost what it may::

    render every chunk (Distributed Map over the spec's chunks) -> merge -> record the outcome

The job spec itself never passes through a state, so that jobs of any number of chunks stay below
the 256 KiB that a state may hold: the map reads the chunks from the bucket, and its results go
there.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from helios import errors
from helios.storage.keys import INTERMEDIATE_TAG

#: Where the chunks are in a job spec (a JSON pointer).
CHUNKS_POINTER = "/chunks"
#: Folder of the bucket that takes the map's results.
MAP_RUNS = "map-runs"
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

    Parameters
    ----------
    arn:
        Its ARN.
    timeout:
        Seconds that one invocation may take.
    retries:
        Further tries after failures that may heal.
    longest_wait:
        Seconds between two tries while it is throttled, at most; half of it on average.
    """

    arn: str
    timeout: int
    retries: int
    longest_wait: int = _LONGEST_DELAY


def longest_wait(render_timeout: int) -> int:
    """Return the seconds between tries by which a render may be throttled to its end.

    Parameters
    ----------
    render_timeout:
        Seconds that it may take as a whole.
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


def workflow(
    *,
    bucket: str,
    chunk_worker: Function,
    merge_worker: Function,
    outcome: Function,
    max_concurrency: int,
    timeout: int,
) -> dict[str, Any]:
    """Return the workflow's definition.

    Parameters
    ----------
    bucket:
        Name of the bucket that holds jobs.
    chunk_worker, merge_worker:
        Functions that render a chunk and join chunks.
    outcome:
        Function that records the outcome of a render and sends its webhook.
    max_concurrency:
        Default limit of concurrent chunks.
    timeout:
        Seconds that a render may take as a whole.
    """
    return {
        "Comment": "Renders a job's chunks side by side, joins them, and records the outcome.",
        "StartAt": "CheckRequest",
        "TimeoutSeconds": timeout,
        "States": {
            **_read_request(bucket, max_concurrency=max_concurrency),
            "RenderChunks": _render_chunks(bucket, chunk_worker),
            "Merge": _merge(merge_worker),
            **_record_outcome(outcome),
            "Rendered": {"Type": "Succeed", "OutputPath": "$.merge.response"},
            "Failed": {
                "Type": "Fail",
                "ErrorPath": "$.error.Error",
                "CausePath": "$.error.Cause",
            },
        },
    }


def _subclasses(error: type[errors.HeliosError]) -> Iterable[type[errors.HeliosError]]:
    for subclass in error.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _read_request(bucket: str, *, max_concurrency: int) -> dict[str, State]:
    job_path = f"States.Format('s3://{{}}/jobs/{{}}/job.json', '{bucket}', $.jobId)"
    return {
        "CheckRequest": {
            "Type": "Choice",
            "Choices": [
                {
                    "And": [
                        {"Variable": "$.jobId", "IsPresent": True},
                        {"Variable": "$.jobId", "IsString": True},
                    ],
                    "Next": "LocateJob",
                }
            ],
            "Default": "RequestInvalid",
        },
        "RequestInvalid": {
            "Type": "Fail",
            "Error": errors.InvocationInvalid.code,
            "Cause": 'The input should be {"jobId": "...", "maxConcurrency": 100}.',
        },
        "LocateJob": {
            "Type": "Pass",
            "Parameters": {
                "defaults": {
                    "maxConcurrency": max_concurrency,
                    "chunksFile": "job.json",
                    "mergeOnly": False,
                    "stopAt": None,
                },
                "given.$": "$",
                "job": {"jobPath.$": job_path},
            },
            "Next": "FillInDefaults",
        },
        "FillInDefaults": {
            "Type": "Pass",
            "Parameters": {
                "request.$": (
                    "States.JsonMerge(States.JsonMerge($.defaults, $.given, false), $.job, false)"
                )
            },
            "OutputPath": "$.request",
            "Next": "FindMissing",
        },
        "FindMissing": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.mergeOnly", "BooleanEquals": True, "Next": "Merge"}],
            "Default": "RenderChunks",
        },
    }


def _render_chunks(bucket: str, worker: Function) -> State:
    return {
        "Type": "Map",
        "Label": "Chunks",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON", "ItemsPointer": CHUNKS_POINTER},
            "Parameters": {
                "Bucket": bucket,
                "Key.$": "States.Format('jobs/{}/{}', $.jobId, $.chunksFile)",
            },
        },
        "ItemSelector": {
            "jobId.$": "$.jobId",
            "jobPath.$": "$.jobPath",
            "chunkIndex.$": "$$.Map.Item.Value.id",
            "stopAt.$": "$.stopAt",
        },
        "MaxConcurrencyPath": "$.maxConcurrency",
        "ItemProcessor": {
            # Standard, not Express: a chunk may take longer than the 5 minutes of the latter.
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "RenderChunk",
            "States": _chunk_states(bucket, worker),
        },
        # No tolerated failures: the first chunk that fails for good ends the map.
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {
                "Bucket": bucket,
                "Prefix.$": f"States.Format('{MAP_RUNS}/{{}}', $.jobId)",
            },
        },
        "ResultPath": None,
        "Catch": _catch_all("RecordFailure"),
        "Next": "Merge",
    }


def _chunk_states(bucket: str, worker: Function) -> dict[str, State]:
    return {
        "RenderChunk": _invoke(
            worker,
            {
                "jobPath.$": "$.jobPath",
                "chunkIndex.$": "$.chunkIndex",
                "stopAt.$": "$.stopAt",
                "attempt.$": "States.MathAdd($$.State.RetryCount, 1)",
                "raiseErrors": True,
            },
            ResultPath=None,
            Catch=_catch_all("RecordChunkFailure"),
            End=True,
        ),
        # The error of a failed map names no chunk.
        "RecordChunkFailure": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
            "Parameters": {
                "Bucket": bucket,
                "Key.$": "States.Format('jobs/{}/failures/{}.json', $.jobId, $.chunkIndex)",
                "Body": {
                    "chunkId.$": "$.chunkIndex",
                    "error.$": "$.error.Error",
                    "cause.$": "$.error.Cause",
                },
                "ContentType": "application/json",
                "Tagging": "=".join(INTERMEDIATE_TAG),
            },
            "ResultPath": None,
            "Retry": [_retry(["States.ALL"], attempts=3)],
            "Catch": _catch_all("ChunkFailed", path="$.unrecorded"),
            "Next": "ChunkFailed",
        },
        "ChunkFailed": {
            "Type": "Fail",
            "ErrorPath": "$.error.Error",
            "CausePath": "$.error.Cause",
        },
    }


def _merge(worker: Function) -> State:
    """Return the state that joins the chunks; the worker checks first that each is there."""
    return _invoke(
        worker,
        {
            "jobPath.$": "$.jobPath",
            "action": "merge",
            "attempt.$": "States.MathAdd($$.State.RetryCount, 1)",
            "raiseErrors": True,
        },
        ResultSelector={"response.$": "States.StringToJson($.Payload.body)"},
        ResultPath="$.merge",
        Catch=_catch_all("RecordFailure"),
        Next="RecordSuccess",
    )


def _record_outcome(function: Function) -> dict[str, State]:
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
        "RecordSuccess": _invoke(
            function,
            {**execution, "status": "SUCCEEDED", "output.$": "$.merge.response"},
            ResultPath=None,
            Catch=_catch_all("Rendered", path="$.unrecorded"),
            Next="Rendered",
        ),
        "RecordFailure": _invoke(
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
            Catch=_catch_all("Failed", path="$.unrecorded"),
            Next="Failed",
        ),
    }


def _invoke(function: Function, payload: dict[str, Any], **fields: Any) -> State:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function.arn, "Payload": payload},
        "TimeoutSeconds": function.timeout + _SLACK,
        "Retry": [
            # Waiting for a free worker is no failure: it lasts as long as the whole render may.
            _retry(_THROTTLED, attempts=_WITHOUT_END, longest=function.longest_wait),
            _retry(_PLATFORM, attempts=6),
            _retry([*retried_codes(), *_DIED], attempts=function.retries),
        ],
        **fields,
    }


def _retry(names: Sequence[str], *, attempts: int, longest: int = _LONGEST_DELAY) -> dict[str, Any]:
    return {
        "ErrorEquals": list(names),
        "IntervalSeconds": _FIRST_DELAY,
        "BackoffRate": 2,
        "MaxDelaySeconds": longest,
        "JitterStrategy": "FULL",
        "MaxAttempts": attempts,
    }


def _catch_all(target: str, *, path: str = "$.error") -> list[dict[str, Any]]:
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": path, "Next": target}]
