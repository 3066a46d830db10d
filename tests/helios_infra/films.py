"""Job specs whose chunks are quick to make, and executions that render them."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helios.contract.command import format_command
from helios.contract.job_spec import JobSpec
from helios.webhooks.events import WebhookEvent, verify
from sandbox.aws.deploy import DeployedStack
from sandbox.aws.local_aws import LocalAws
from sandbox.scripted_server import ScriptedServer

#: One colour a chunk, so that a frame tells which chunk it is of.
COLOURS = ("red", "lime", "blue", "yellow", "magenta", "cyan", "white", "black")
FRAMES = 5
_RATE = 10
#: Fails as long as fewer than so many attempts have left a mark in a folder.
_FLAKY = """
import pathlib, subprocess, sys, tempfile
marks = pathlib.Path(sys.argv[1])
marks.mkdir(exist_ok=True)
tempfile.mkstemp(dir=marks)
if len(list(marks.iterdir())) <= int(sys.argv[2]):
    sys.exit("not yet")
sys.exit(subprocess.run(sys.argv[3:]).returncode)
"""
#: Says what a page says on its console.
_NOISY = """
import subprocess, sys
print(f"page[frame 3] error: {sys.argv[1]}", file=sys.stderr)
sys.exit(subprocess.run(sys.argv[2:]).returncode)
"""
#: Waits until a file is there.
_WAITING = """
import pathlib, subprocess, sys, time
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.05)
sys.exit(subprocess.run(sys.argv[2:]).returncode)
"""


def paint(chunk: int) -> str:
    """Return the command that makes a chunk: frames of one colour."""
    colour = COLOURS[chunk % len(COLOURS)]
    return format_command(
        [
            *("ffmpeg", "-v", "error", "-y", "-f", "lavfi"),
            *("-i", f"color={colour}:size=64x36:rate={_RATE}"),
            *("-frames:v", str(FRAMES), "-c:v", "libx264", "-preset", "ultrafast"),
            *("-pix_fmt", "yuv420p", f"chunks/{chunk}.mp4"),
        ]
    )


def after_failures(command: str, *, marks: str, failures: int) -> str:
    """Return a command that fails so many times before it does what another does."""
    return f"{format_command(['python3', '-c', _FLAKY, marks, str(failures)])} {command}"


def complaining(command: str, *, problem: str) -> str:
    """Return a command whose page logs an error before it does what another does."""
    return f"{format_command(['python3', '-c', _NOISY, problem])} {command}"


def once_there_is(gate: Path, command: str) -> str:
    """Return a command that waits for a file before it does what another does."""
    return f"{format_command(['python3', '-c', _WAITING, str(gate)])} {command}"


def film(job_id: str, commands: list[str]) -> JobSpec:
    """Return the spec of a job with these chunk commands."""
    outputs = [f"chunks/{index}.mp4" for index in range(len(commands))]
    frames = FRAMES * len(commands)
    return JobSpec.model_validate(
        {
            "id": job_id,
            "metadata": {
                "totalFrames": frames,
                "fps": _RATE,
                "width": 64,
                "height": 36,
                "duration": frames / _RATE,
            },
            "chunks": [
                {
                    "id": index,
                    "startFrame": index * FRAMES,
                    "frameCount": FRAMES,
                    "outputFile": output,
                    "command": command,
                }
                for index, (output, command) in enumerate(zip(outputs, commands, strict=True))
            ],
            "mergeCommand": format_command(["helios", "merge", "film.mp4", *outputs]),
        }
    )


@dataclass(frozen=True)
class Renders:
    """A deployed stack, used as a client without this project would: by the SDK alone."""

    aws: LocalAws
    stack: DeployedStack

    def store(self, spec: JobSpec) -> None:
        """Put a job spec where the state machine looks for it."""
        self.aws.client("s3").put_object(
            Bucket=self.stack.bucket, Key=f"jobs/{spec.id}/job.json", Body=spec.to_json().encode()
        )

    def start(self, name: str, **request: Any) -> str:
        """Start an execution, and return its ARN."""
        started = self.aws.client("stepfunctions").start_execution(
            stateMachineArn=self.stack.state_machine, name=name, input=json.dumps(request)
        )
        return str(started["executionArn"])

    def ended(self, execution: str, *, seconds: float = 200) -> dict[str, Any]:
        """Wait for an execution's end, and return how Step Functions describes it."""
        client = self.aws.client("stepfunctions")
        deadline = time.monotonic() + seconds
        while True:
            found: dict[str, Any] = client.describe_execution(executionArn=execution)
            if found["status"] != "RUNNING":
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"still running after {seconds} s: {execution}")
            time.sleep(0.2)

    def render(self, spec: JobSpec, *, name: str = "", **request: Any) -> dict[str, Any]:
        """Store a job, run it to its end, and return how Step Functions describes that."""
        self.store(spec)
        return self.ended(self.start(name or str(spec.id), jobId=spec.id, **request))

    def history(self, execution: str) -> list[dict[str, Any]]:
        """Return all events of an execution."""
        client = self.aws.client("stepfunctions")
        events: list[dict[str, Any]] = client.get_execution_history(executionArn=execution)[
            "events"
        ]
        return events

    def keys(self, prefix: str) -> list[str]:
        """Return the keys in the stack's bucket that begin so."""
        pages = self.aws.client("s3").get_paginator("list_objects_v2")
        return [
            item["Key"]
            for page in pages.paginate(Bucket=self.stack.bucket, Prefix=prefix)
            for item in page.get("Contents", [])
        ]

    def tags(self, key: str) -> dict[str, str]:
        """Return an object's tags."""
        answer = self.aws.client("s3").get_object_tagging(Bucket=self.stack.bucket, Key=key)
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}

    def lifecycle_rules(self) -> list[dict[str, Any]]:
        """Return the lifecycle rules of the stack's bucket, which the local AWS leaves out."""
        client = self.aws.client("cloudformation")
        body = client.get_template(StackName=self.stack.name)["TemplateBody"]
        template = json.loads(body) if isinstance(body, str) else body
        buckets = [
            resource["Properties"]
            for resource in template["Resources"].values()
            if resource["Type"] == "AWS::S3::Bucket"
        ]
        return [
            rule
            for bucket in buckets
            for rule in bucket.get("LifecycleConfiguration", {}).get("Rules", [])
            if "ExpirationInDays" in rule
        ]

    def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        answer = self.aws.client("s3").get_object(Bucket=self.stack.bucket, Key=key)
        return bytes(answer["Body"].read())

    def outcome(self, job_id: str, *, seconds: float = 120) -> dict[str, Any]:
        """Return what was recorded of a job, which an event may do a moment after its end."""
        deadline = time.monotonic() + seconds
        key = f"jobs/{job_id}/status.json"
        while not self.keys(key):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {key} after {seconds} s")
            time.sleep(0.2)
        found: dict[str, Any] = json.loads(self.read(key))
        return found

    def told(
        self, job_id: str, receiver: ScriptedServer, *, seconds: float = 120
    ) -> list[WebhookEvent]:
        """Return what a receiver was told, once the job's outcome says that it was.

        Each request is checked as receivers do it, with the key that the stack made.
        """
        deadline = time.monotonic() + seconds
        while "toldAt" not in self.outcome(job_id):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no webhook came for {job_id} after {seconds} s")
            time.sleep(0.1)
        secret = self.read("webhook-key").decode()
        return [verify(got.headers, got.body, secret=secret) for got in receiver.requests]

    def records(self, job_id: str) -> dict[int, dict[str, Any]]:
        """Return the records of a job's chunks by chunk id."""
        keys = [key for key in self.keys(f"jobs/{job_id}/chunks/") if key.endswith(".json")]
        found = [json.loads(self.read(key)) for key in keys]
        return {record["chunkId"]: record for record in found}
