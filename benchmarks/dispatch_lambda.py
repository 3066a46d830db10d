"""Measures the dispatch of 500 concurrent invocations by AwsLambdaAdapter and by boto3 alone.

The function is another process that answers immediately, so that the client is measured.
Run `python benchmarks/dispatch_lambda.py` for the figures as JSON.
"""

import asyncio
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.dispatch_cloud_run import AT_ONCE, answering_at_once, row
from helios.contract.worker_job import Task, WorkerJob
from orchestrator.adapters.aws_lambda import AwsLambdaAdapter

#: Number of bursts of a client; it opens its connections in the first one.
BURSTS = 3

_JOB_PATH = "s3://bucket/jobs/20260101-000000-abcdef01/job.json"


def run(*, runs: int = 3) -> list[dict[str, Any]]:
    """Measure and return a row for each client: median invocations per second.

    Args:
        runs: Number of measurements; clients alternate, so that other load affects both.
    """
    bare: list[float] = []
    ours: list[float] = []
    with answering_at_once(enveloped=True) as url:
        for _ in range(runs):
            bare.append(_bare(_client(url)))
            ours.append(asyncio.run(_ours(AwsLambdaAdapter("worker", client=_client(url)))))
    ratio = statistics.median(other / mine for mine, other in zip(ours, bare, strict=True))
    return [
        row(f"{AT_ONCE} invocations at once, bare boto3", bare),
        row(f"{AT_ONCE} invocations at once, AwsLambdaAdapter", ours, ratio=ratio),
    ]


async def _ours(adapter: AwsLambdaAdapter) -> float:
    async def once(number: int) -> None:
        task = Task(job_path=_JOB_PATH, chunk_id=number)
        result = await adapter.execute(WorkerJob(command="helios", task=task))
        if result.artifact is None:
            raise SystemExit("the response of an invocation has no artifact")

    started = time.perf_counter()
    for _ in range(BURSTS):
        await asyncio.gather(*(once(number) for number in range(AT_ONCE)))
    return (time.perf_counter() - started) / BURSTS


def _bare(client: Any) -> float:
    def once(number: int) -> None:
        payload = json.dumps({"jobPath": _JOB_PATH, "chunkIndex": number}).encode()
        response = client.invoke(FunctionName="worker", Payload=payload)
        if "artifact" not in json.loads(json.loads(response["Payload"].read())["body"]):
            raise SystemExit("the response of an invocation has no artifact")

    started = time.perf_counter()
    for _ in range(BURSTS):
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(once, range(AT_ONCE)))
    return (time.perf_counter() - started) / BURSTS


def _client(url: str) -> Any:
    config = Config(max_pool_connections=AT_ONCE, retries={"total_max_attempts": 1})
    return boto3.session.Session().client(
        "lambda",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="none",
        config=config,
    )


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
