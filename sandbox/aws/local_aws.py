"""Starts the local AWS as a process, and deploys functions to it."""

import contextlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.aws_lambda.service import environment_variables

#: Name of the Lambda worker's image.
WORKER_IMAGE = "helios-worker-lambda:latest"

# Seconds for ending environments when the service stops.
_STOP_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class LocalAws:
    """A local AWS: its URL, and the folder of its functions' logs."""

    url: str
    logs: Path
    pid: int

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables that direct the SDKs to it."""
        return environment_variables(self.url)

    def client(self, service: str, **options: Any) -> Any:
        """Return a boto3 client of one of its services."""
        import boto3  # noqa: PLC0415

        variables = self.variables
        session = boto3.session.Session(
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            region_name=variables["AWS_REGION"],
        )
        return session.client(service, endpoint_url=self.url, **options)  # type: ignore[call-overload]

    def deploy(
        self,
        name: str,
        *,
        source: str | None = None,
        image: str = WORKER_IMAGE,
        memory: int = 2048,
        timeout: int = 60,
        variables: Mapping[str, str] | None = None,
        reserved: int | None = None,
    ) -> None:
        """Create a function.

        Args:
            source: Python source with a `handler`; by default the function is an image.
            image: The image; the worker's by default.
            memory: Megabytes.
            timeout: Seconds.
            variables: Its environment variables.
            reserved: Its reserved concurrency.
        """
        client = self.client("lambda")
        package: dict[str, Any] = {
            "PackageType": "Image",
            "Code": {"ImageUri": image},
        }
        if source is not None:
            package = {
                "Runtime": "python3.12",
                "Handler": "function.handler",
                "Code": {"ZipFile": _zipped("function.py", source)},
            }
        client.create_function(
            FunctionName=name,
            Role=self._role(),
            MemorySize=memory,
            Timeout=timeout,
            Environment={"Variables": dict(variables or {})},
            **package,
        )
        if reserved is not None:
            client.put_function_concurrency(
                FunctionName=name, ReservedConcurrentExecutions=reserved
            )

    def log(self, function: str) -> str:
        """Return all that a function's environments have logged."""
        files = sorted((self.logs / function).glob("*.log"))
        return "".join(path.read_text("utf-8", "replace") for path in files)

    def _role(self) -> str:
        iam = self.client("iam")
        try:
            role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument="{}")
        except iam.exceptions.EntityAlreadyExistsException:
            role = iam.get_role(RoleName="worker")
        return str(role["Role"]["Arn"])


@contextlib.contextmanager
def local_aws(
    *, logs: Path, environments: int = 4, keep_warm: float = 300, engine: str | None = None
) -> Iterator[LocalAws]:
    """Run a local AWS while the context lasts.

    Args:
        logs: For functions' logs.
        environments: Lambda environments at once; further invocations wait.
        keep_warm: Seconds that an idle environment stays.
        engine: URL of a Docker engine that runs functions deployed as images.
    """
    command = [sys.executable, "-m", "sandbox.aws_lambda.service", "--until-stdin-closes"]
    command += ["--logs", str(logs), "--environments", str(environments)]
    command += ["--keep-warm", str(keep_warm)]
    command += [] if engine is None else ["--engine", engine]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("no stdout")
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("the local AWS didn't start; its errors are on stderr")
            yield LocalAws(json.loads(line)["url"], logs, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def _zipped(name: str, text: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr(name, text)
    return archive.getvalue()
