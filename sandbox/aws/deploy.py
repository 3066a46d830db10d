"""Deploys the CDK app to the local AWS, by the real `cdk` command line."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helios.errors import ProgramMissing
from sandbox.aws.local_aws import LocalAws

_ROOT = Path(__file__).parents[2]
_CDK = _ROOT / "infra/node_modules/.bin/cdk"
#: Command that replaces Docker if images needn't be built.
NO_DOCKER = (sys.executable, "-m", "sandbox.containers.unbuilt_images")
#: Time limit of a command of the CDK in seconds.
_PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """A deployed stack in the local AWS."""

    name: str
    region: str
    artifacts: str
    chunk_function: str
    merge_function: str
    state_machine: str

    @property
    def bucket(self) -> str:
        """Name of its bucket."""
        return self.artifacts.removeprefix("s3://").partition("/")[0]


class DeployFailed(Exception):
    """The CDK failed; the message is its output."""


class LocalDeployment:
    """The CDK app, and a local AWS that it is deployed to.

    Args:
        aws: The local AWS.
        folder: Folder for the CDK's output.
        context: Values that differ from those in cdk.json, as `helios_infra.configuration` names
            them.
        docker: Command that builds and pushes images as `docker` does; by default one that only
            registers them, as functions run as processes.
        app: The app of the CDK; by default this project's own.
    """

    def __init__(
        self,
        aws: LocalAws,
        *,
        folder: Path,
        context: Mapping[str, str] | None = None,
        docker: Sequence[str] = NO_DOCKER,
        app: Path = _ROOT / "app.py",
    ) -> None:
        self._aws = aws
        self._app = app
        self._folder = folder
        self._context = {"helios:stackName": "Helios", **(context or {})}
        self._docker = _write_docker(folder, docker)

    def bootstrap(self) -> None:
        """Bootstrap the account for the CDK."""
        account = self._aws.client("sts").get_caller_identity()["Account"]
        # In another folder than cdk.json's, as the app would be run needlessly.
        self._cdk("bootstrap", f"aws://{account}/{self._region}", folder=self._folder)

    def deploy(self) -> DeployedStack:
        """Deploy the stack, and return it."""
        # moto's change sets leave the outputs empty.
        context = [f"--context={name}={value}" for name, value in self._context.items()]
        command = shlex.join([sys.executable, self._app.name])
        app = [f"--app={command}", f"--output={self._assembly}"]
        direct = ["--method=direct", "--require-approval=never"]
        self._cdk("deploy", "--all", *direct, *app, *context, folder=self._app.parent)
        name = self._context["helios:stackName"]
        parameter = self._aws.client("ssm").get_parameter(Name=f"/helios/{name}/stack")
        known: dict[str, Any] = json.loads(parameter["Parameter"]["Value"])
        return DeployedStack(
            name=name,
            region=known["region"],
            artifacts=known["artifacts"],
            chunk_function=known["chunkFunction"],
            merge_function=known["mergeFunction"],
            state_machine=known["stateMachine"],
        )

    def destroy(self) -> None:
        """Remove the stack."""
        self._cdk("destroy", "--all", "--force", f"--app={self._assembly}")

    @property
    def _assembly(self) -> Path:
        return self._folder / "cdk.out"

    @property
    def _region(self) -> str:
        return self._aws.variables["AWS_REGION"]

    def _cdk(self, *command: str, folder: Path = _ROOT) -> None:
        if not _CDK.exists():
            raise ProgramMissing(
                "the CDK's command line is not installed",
                hint="Run `npm ci --prefix infra`, or `make deploy`, which does.",
            )
        run = subprocess.run(
            [str(_CDK), *command, "--ci", "--no-notices"],
            cwd=folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        if run.returncode != 0:
            raise DeployFailed(f"cdk {command[0]} failed:\n{run.stdout}")

    def _environment(self) -> dict[str, str]:
        # The user's AWS profile must not decide on the account.
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **own,
            **self._aws.variables,
            "CDK_DOCKER": str(self._docker),
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        }


@contextmanager
def local_deployment(
    aws: LocalAws,
    *,
    context: Mapping[str, str] | None = None,
    docker: Sequence[str] = NO_DOCKER,
    app: Path = _ROOT / "app.py",
) -> Iterator[DeployedStack]:
    """Bootstrap and deploy the stack for the duration of the context."""
    with tempfile.TemporaryDirectory(prefix="helios-deploy-") as folder:
        deployment = LocalDeployment(
            aws, folder=Path(folder), context=context, docker=docker, app=app
        )
        deployment.bootstrap()
        stack = deployment.deploy()
        try:
            yield stack
        finally:
            deployment.destroy()


def _write_docker(folder: Path, command: Sequence[str]) -> Path:
    """Write the program that the CDK runs in place of Docker, in the caller's current folder."""
    program = folder / "docker"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(_ROOT))} exec {shlex.join(command)} "$@"\n'
    )
    program.chmod(0o755)
    return program
