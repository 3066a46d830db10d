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

from typing import Any

from helios import errors
from helios.storage.keys import INTERMEDIATE_TAG
from helios_infra.workflow_tasks import (
    Function,
    State,
    catch_all,
    invoke,
    merge,
    record_outcome,
    retry,
)

#: Where the chunks are in a job spec (a JSON pointer).
CHUNKS_POINTER = "/chunks"
#: Folder of the bucket that takes the map's results.
MAP_RUNS = "map-runs"


def workflow(
    *,
    bucket: str,
    prefix: str = "",
    chunk_worker: Function,
    merge_worker: Function,
    outcome: Function,
    max_concurrency: int,
    timeout: int,
) -> dict[str, Any]:
    """Return the workflow's definition.

    Args:
        bucket: Name of the bucket that holds jobs.
        prefix: What the keys of its objects begin with: empty, or ending in a slash.
        chunk_worker, merge_worker: Functions that render a chunk and join chunks.
        outcome: Function that records the outcome of a render and sends its webhook.
        max_concurrency: Default limit of concurrent chunks.
        timeout: Seconds that a render may take as a whole.
    """
    return {
        "Comment": "Renders a job's chunks side by side, joins them, and records the outcome.",
        "StartAt": "CheckRequest",
        "TimeoutSeconds": timeout,
        "States": {
            **_read_request(f"{bucket}/{prefix}", max_concurrency=max_concurrency),
            "RenderChunks": _render_chunks(bucket, prefix, chunk_worker),
            "Merge": merge(merge_worker),
            **record_outcome(outcome),
            "Rendered": {"Type": "Succeed", "OutputPath": "$.merge.response"},
            "Failed": {
                "Type": "Fail",
                "ErrorPath": "$.error.Error",
                "CausePath": "$.error.Cause",
            },
        },
    }


def _read_request(place: str, *, max_concurrency: int) -> dict[str, State]:
    job_path = f"States.Format('s3://{{}}jobs/{{}}/job.json', '{place}', $.jobId)"
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


def _render_chunks(bucket: str, prefix: str, worker: Function) -> State:
    return {
        "Type": "Map",
        "Label": "Chunks",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON", "ItemsPointer": CHUNKS_POINTER},
            "Parameters": {
                "Bucket": bucket,
                "Key.$": f"States.Format('{prefix}jobs/{{}}/{{}}', $.jobId, $.chunksFile)",
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
            "States": _chunk_states(bucket, prefix, worker),
        },
        # No tolerated failures: the first chunk that fails for good ends the map.
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {
                "Bucket": bucket,
                "Prefix.$": f"States.Format('{prefix}{MAP_RUNS}/{{}}', $.jobId)",
            },
        },
        "ResultPath": None,
        "Catch": catch_all("RecordFailure"),
        "Next": "Merge",
    }


def _chunk_states(bucket: str, prefix: str, worker: Function) -> dict[str, State]:
    return {
        "RenderChunk": invoke(
            worker,
            {
                "jobPath.$": "$.jobPath",
                "chunkIndex.$": "$.chunkIndex",
                "stopAt.$": "$.stopAt",
                "attempt.$": "States.MathAdd($$.State.RetryCount, 1)",
                "raiseErrors": True,
            },
            ResultPath=None,
            Catch=catch_all("RecordChunkFailure"),
            End=True,
        ),
        # The error of a failed map names no chunk.
        "RecordChunkFailure": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
            "Parameters": {
                "Bucket": bucket,
                "Key.$": (
                    f"States.Format('{prefix}jobs/{{}}/failures/{{}}.json', $.jobId, $.chunkIndex)"
                ),
                "Body": {
                    "chunkId.$": "$.chunkIndex",
                    "error.$": "$.error.Error",
                    "cause.$": "$.error.Cause",
                },
                "ContentType": "application/json",
                "Tagging": "=".join(INTERMEDIATE_TAG),
            },
            "ResultPath": None,
            "Retry": [retry(["States.ALL"], attempts=3)],
            "Catch": catch_all("ChunkFailed", path="$.unrecorded"),
            "Next": "ChunkFailed",
        },
        "ChunkFailed": {
            "Type": "Fail",
            "ErrorPath": "$.error.Error",
            "CausePath": "$.error.Cause",
        },
    }
