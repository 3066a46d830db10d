"""Checks the preconditions of `cdk deploy`: `python -m infra.preconditions`."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helios.errors import AccessDenied, HeliosError, OptionInvalid, ProgramMissing
from helios_infra.configuration import PREFIX, Configuration

_ROOT = Path(__file__).parents[1]
#: Where `cdk bootstrap` leaves its version.
_BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
#: Time limit of the check for Docker in seconds.
_PATIENCE = 30.0


def check(configuration: Configuration, *, environment: Mapping[str, str]) -> list[str]:
    """Check that a deployment can begin.

    Args:
        configuration: Configuration of the deployment.
        environment: Environment variables; `CDK_DOCKER` names the program that builds the image.

    Returns:
        A line for each account and region that will be deployed to.

    Raises:
        ProgramMissing: No engine is running that could build the image.
        AccessDenied: There are no AWS credentials, or they aren't taken.
        OptionInvalid: No region is set, or a region isn't ready for the CDK.
    """
    _check_docker(environment.get("CDK_DOCKER", "docker"))
    regions = configuration.regions or (_own_region(),)
    return [
        _check_region(region) + quota_note(region, configuration.max_concurrency)
        for region in regions
    ]


def _check_docker(docker: str) -> None:
    hint = "The workers' image is built here. Start Docker, or let CDK_DOCKER name another builder."
    if not shutil.which(docker):
        raise ProgramMissing(f"{docker} is not installed", hint=hint)
    try:
        run = subprocess.run(
            [docker, "info"], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise ProgramMissing(f"{docker} doesn't answer", hint=hint) from None
    if run.returncode != 0:
        said = run.stderr.strip().splitlines() or [f"exit status {run.returncode}"]
        raise ProgramMissing(f"{docker} is not running: {said[-1]}", hint=hint)


def _own_region() -> str:
    import boto3  # noqa: PLC0415

    region = boto3.session.Session().region_name
    if region is None:
        raise OptionInvalid(
            "no region is set",
            hint="Set helios:regions in cdk.json, AWS_REGION, or a region in the AWS profile.",
        )
    return region


def _check_region(region: str) -> str:
    import boto3  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        account = boto3.client("sts", region_name=region).get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as fault:
        raise AccessDenied(
            f"AWS doesn't take these credentials, or there are none: {fault}",
            hint="Run `aws configure` or `aws sso login`, or set AWS_PROFILE.",
        ) from fault
    ssm = boto3.client("ssm", region_name=region)
    try:
        ssm.get_parameter(Name=_BOOTSTRAP)
    except ssm.exceptions.ParameterNotFound:
        raise OptionInvalid(
            f"account {account} is not ready for the CDK in {region}",
            hint="Run `make bootstrap` once for each account and region.",
        ) from None
    except (BotoCoreError, ClientError) as fault:
        raise AccessDenied(
            f"these credentials may not read {_BOOTSTRAP} in {region}: {fault}",
            hint="docs/deploy-aws.md lists what deploying takes.",
        ) from fault
    return f"account {account}, {region}"


def quota_note(region: str, wanted: int) -> str:
    """Return what the account's quota means for renders, if it is below what they would use."""
    import boto3  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        limit = boto3.client("lambda", region_name=region).get_account_settings()["AccountLimit"]
    except (BotoCoreError, ClientError):
        return ""  # deploying doesn't take this permission
    quota = int(limit["ConcurrentExecutions"])
    if quota >= wanted:
        return ""
    return (
        f" ({quota} Lambda workers at once by the account's quota, of helios:maxConcurrency"
        f" {wanted}: renders start no more)"
    )


def _context(arguments: list[str]) -> dict[str, Any]:
    """Return the context that the CDK will see: cdk.json, and `-c` on its command line."""
    context: dict[str, Any] = json.loads((_ROOT / "cdk.json").read_text("utf-8"))["context"]
    for option, value in itertools.pairwise(arguments):
        if option in {"-c", "--context"} and value.startswith(PREFIX):
            name, _, text = value.partition("=")
            context[name] = text
    return context


def main() -> None:
    """Run the checks, and print what will be deployed; arguments are those of `cdk deploy`."""
    try:
        configuration = Configuration.of(_context(sys.argv[1:]))
        places = check(configuration, environment=os.environ)
    except HeliosError as fault:
        sys.exit(str(fault))
    for place in places:
        print(f"Deploying the stack {configuration.stack_name} to {place}.", flush=True)


if __name__ == "__main__":
    main()
