"""Log lines of Lambda workers, from CloudWatch Logs."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.clouds.aws import AwsCalls
from orchestrator.clouds.aws_logs import lambda_log
from orchestrator.clouds.log_query import LogQuery, requests_of
from sandbox.aws.local_aws import LocalAws
from tests.orchestrator.clouds.test_log_query import STACK

pytestmark = pytest.mark.slow

JOB = "s3://bucket/jobs/film/job.json"
#: Logs as a worker does, and dies where it is asked to.
SOURCE = """
import json, os

def handler(event, context):
    if event.get("dies"):
        os._exit(3)
    line = {"event": "chunk", "requestId": context.aws_request_id, **event}
    print(json.dumps(line), flush=True)
"""


async def test_lines_of_a_job_come_with_lambdas_own_and_those_of_others_do_not(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.variables.items():
        monkeypatch.setenv(name, value)
    region = aws.variables["AWS_REGION"]
    stack = STACK.model_copy(
        update={"region": region, "chunk_function": "logging-chunks", "chunk_log_group": ""}
    )
    aws.deploy(stack.chunk_function, source=SOURCE)
    client = aws.client("lambda")

    def call(**event: object) -> str:
        answer = client.invoke(
            FunctionName=stack.chunk_function, Payload=json.dumps(event).encode()
        )
        return str(answer["Payload"].read().decode())

    began = datetime.now(UTC) - timedelta(seconds=5)
    call(job=JOB, chunk=0)
    call(job=JOB, chunk=1)
    call(job="s3://bucket/jobs/other/job.json", chunk=0)
    died = requests_of([call(dies=True)])
    calls = AwsCalls(region=region)

    whole = await lambda_log(stack, LogQuery(job_path=JOB, since=began), calls)
    one = await lambda_log(stack, LogQuery(job_path=JOB, chunk_id=1, since=began), calls)
    dead = await lambda_log(
        stack, LogQuery(job_path=JOB, chunk_id=7, since=began, requests=died), calls
    )

    client.delete_function(FunctionName=stack.chunk_function)
    assert [json.loads(line.text)["chunk"] for line in whole if line.text[0] == "{"] == [0, 1]
    assert sum(line.text.startswith("REPORT RequestId: ") for line in whole) == 2
    assert [json.loads(line.text)["chunk"] for line in one if line.text[0] == "{"] == [1]
    assert len(died) == 1
    assert all(died[0] in line.text for line in dead)
    assert any(line.text.startswith("REPORT") for line in dead)
