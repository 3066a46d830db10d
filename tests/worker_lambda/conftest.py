"""The function as it is deployed, and ways to call it."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.config import Config

from helios.assets import upload_assets
from helios.contract.job_spec import JobMetadata, JobSpec, RenderChunk
from helios.contract.worker_job import Task, WorkerJob, WorkerResult
from helios.storage import open_storage
from orchestrator.adapters import AwsLambdaAdapter
from sandbox.aws.local_aws import LocalAws

BUCKET = "renders"
FPS = 30
FRAMES = 6


def drawing(number: int, *, frames: int = FRAMES) -> str:
    """Return a command that draws a chunk without a browser."""
    start = number * frames
    picture = f"testsrc=s=64x36:r={FPS}:d=60,trim=start_frame={start},setpts=PTS-STARTPTS"
    return (
        f"ffmpeg -loglevel error -f lavfi -i {picture} -frames:v {frames}"
        f" -c:v libx264 -preset ultrafast -pix_fmt yuv420p {number}.mp4"
    )


class LambdaSite:
    """The deployed worker, the bucket that it uses, and the adapter that calls it."""

    def __init__(self, aws: LocalAws, function: str) -> None:
        self.aws = aws
        self.function = function
        self.prefix = f"s3://{BUCKET}/{function}"
        self.adapter = AwsLambdaAdapter(function)
        self.s3 = aws.client("s3")

    def job(self, *commands: str, name: str = "job", **more: Any) -> str:
        """Store a spec whose chunks are these commands, and return its URL."""
        chunks = [
            RenderChunk(
                id=number,
                start_frame=number * FRAMES,
                frame_count=FRAMES,
                output_file=f"{number}.mp4",
                command=command,
            )
            for number, command in enumerate(commands)
        ]
        total = FRAMES * len(chunks)
        metadata = JobMetadata(
            total_frames=total, fps=FPS, width=64, height=36, duration=total / FPS
        )
        outputs = " ".join(chunk.output_file for chunk in chunks)
        spec = JobSpec(
            metadata=metadata,
            chunks=chunks,
            merge_command=f"helios merge out.mp4 {outputs}",
            **more,
        )
        key = f"{self.function}/jobs/{name}/job.json"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=spec.to_json().encode())
        return f"s3://{BUCKET}/{key}"

    def upload(self, folder: Path) -> str:
        """Store a composition's folder, and return its URL."""

        async def upload() -> str:
            storage = open_storage(self.prefix)
            try:
                return await upload_assets(storage, folder)
            finally:
                await storage.close()

        return asyncio.run(upload())

    def run(self, job: str, number: int | None = 0, *, attempt: int = 1) -> WorkerResult:
        """Have the worker do one thing, through the adapter."""
        task = Task(job_path=job, chunk_id=number, attempt=attempt)
        return asyncio.run(self.adapter.execute(WorkerJob(command="helios", task=task)))

    def raw(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Call the function as a client does that knows nothing of this project's adapter."""
        client = self.aws.client("lambda", config=Config(retries={"total_max_attempts": 1}))
        answer = client.invoke(FunctionName=self.function, Payload=json.dumps(payload).encode())
        return {**answer, "answer": json.loads(answer["Payload"].read())}

    def fetch(self, url: str, path: Path) -> Path:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        self.s3.download_file(bucket, key, str(path))
        return path

    def runtime_process(self, *, within: float = 60) -> psutil.Process:
        """Return the process of the runtime client, in whichever environment it runs."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error, OSError):
                    names = process.environ().get("AWS_LAMBDA_FUNCTION_NAME") == self.function
                    # In an image it is the child of an init process, which names it, too.
                    words = process.cmdline()
                    is_client = "awslambdaric" in words and "helios.process.init" not in words
                    if names and is_client:
                        return process
            time.sleep(0.05)
        raise AssertionError("the function doesn't run")

    def wait_for_command(self, word: str) -> None:
        """Wait until a command with this argument runs somewhere."""
        self._wait(word, there=True)

    def wait_until_gone(self, word: str) -> None:
        """Wait until no command with this argument runs any more."""
        self._wait(word, there=False)

    def _wait(self, word: str, *, there: bool, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while any(word in arguments for arguments in _command_lines()) is not there:
            assert time.monotonic() < deadline, f"{word}: {'not there' if there else 'still there'}"
            time.sleep(0.05)


def _command_lines() -> Iterator[list[str]]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            yield process.cmdline()


@pytest.fixture
def configured(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in aws.variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def renders_bucket(aws: LocalAws) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)


@pytest.fixture
def deploy(
    aws: LocalAws, request: pytest.FixtureRequest, renders_bucket: None, configured: None
) -> Iterator[Any]:
    deployed: list[str] = []

    def create(*, variables: Mapping[str, str] | None = None, **options: Any) -> LambdaSite:
        name = f"{request.node.originalname[5:45]}-{len(deployed)}"
        more = {
            "HELIOS_ARTIFACTS": f"s3://{BUCKET}/{name}",
            "HELIOS_EXECUTABLES": "helios,ffmpeg",
            **(variables or {}),
        }
        aws.deploy(name, variables=more, **options)
        deployed.append(name)
        return LambdaSite(aws, name)

    yield create
    for name in deployed:
        aws.client("lambda").delete_function(FunctionName=name)
