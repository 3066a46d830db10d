"""Both clouds on this machine, with deployed workers."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from sandbox.aws.deploy import LocalDeployment
from sandbox.aws.local_aws import LocalAws, local_aws
from sandbox.google.cloud_run import LocalCloudRun, local_cloud_run
from sandbox.google.identity.token_server import TokenServer
from sandbox.storage.object_stores import ObjectStore, create_bucket, gcs_server

#: Name of the Lambda function, and of the bucket in each cloud.
FUNCTION = "helios-worker"
BUCKET = "helios-artifacts"
#: Prefix of assets and jobs in the bucket.
PREFIX = "renders"
#: The function's memory in megabytes, and its time limit in seconds.
FUNCTION_MEMORY = 3008
FUNCTION_TIMEOUT = 300


_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AwsSide:
    """The AWS stand-in with its worker, and variables for the command line."""

    aws: LocalAws
    artifacts: str
    variables: Mapping[str, str]

    def log(self) -> str:
        """Return the log of the only function."""
        return self.aws.log(FUNCTION)


@dataclass(frozen=True, slots=True)
class GoogleSide:
    """The Google stand-in with its worker, and the variables for the command line."""

    service: LocalCloudRun
    store: ObjectStore
    tokens: TokenServer
    artifacts: str
    variables: Mapping[str, str]


@contextlib.contextmanager
def aws_side(
    folder: Path, *, at_once: int, variables: Mapping[str, str] = _NONE
) -> Iterator[AwsSide]:
    """Run S3 and Lambda, with a bucket and one function, while the context lasts.

    This starts quickly; detached renders need `stack_side`.

    Args:
        folder: For logs.
        at_once: Chunks at the same time.
        variables: More variables of the worker, such as the executables that it allows.
    """
    with local_aws(logs=folder / "lambda", environments=at_once) as aws:
        aws.client("s3").create_bucket(Bucket=BUCKET)
        artifacts = f"s3://{BUCKET}/{PREFIX}"
        aws.deploy(
            FUNCTION,
            memory=FUNCTION_MEMORY,
            timeout=FUNCTION_TIMEOUT,
            variables={**variables, "HELIOS_ARTIFACTS": artifacts},
        )
        names = {"HELIOS_LAMBDA_FUNCTION": FUNCTION, "HELIOS_S3_ARTIFACTS": artifacts}
        yield AwsSide(aws, artifacts, {**aws.variables, **names})


@contextlib.contextmanager
def stack_side(folder: Path, *, at_once: int) -> Iterator[AwsSide]:
    """Run a local AWS with the whole stack in it, as the CDK deploys it, while the context lasts.

    Args:
        folder: For logs.
        at_once: Chunks at the same time.
    """
    with (
        local_aws(logs=folder / "lambda", environments=at_once) as aws,
        tempfile.TemporaryDirectory(prefix="helios-sandbox-") as scratch,
    ):
        context = {
            "helios:chunkTimeout": str(FUNCTION_TIMEOUT),
            "helios:privateWebhooks": "true",  # receivers are on this machine, too
        }
        deployment = LocalDeployment(aws, folder=Path(scratch), context=context)
        deployment.bootstrap()
        stack = deployment.deploy()
        names = {"HELIOS_STACK": stack.name, "HELIOS_S3_ARTIFACTS": stack.artifacts}
        yield AwsSide(aws, stack.artifacts, {**aws.variables, **names})


@contextlib.contextmanager
def google_side(
    folder: Path, *, at_once: int, variables: Mapping[str, str] = _NONE
) -> Iterator[GoogleSide]:
    """Run Cloud Storage, an identity service and the Cloud Run worker, with a bucket.

    Args:
        folder: For logs, and a service account's key file.
        at_once: Chunks at the same time.
        variables: More variables of the worker, such as the executables that it allows.
    """
    with TokenServer(folder / "identity") as tokens, gcs_server() as store:
        artifacts = f"{create_bucket(store, BUCKET)}/{PREFIX}"
        worker = {
            **store.env,
            **variables,
            "HELIOS_ARTIFACTS": artifacts,
            "HELIOS_CONCURRENCY": str(at_once),
            "HELIOS_CERTS_URL": tokens.certs_url,
        }
        with local_cloud_run(
            folder=folder / "cloud-run", variables=worker, verify_callers=True
        ) as service:
            names = {
                "HELIOS_CLOUDRUN_URL": service.url,
                "HELIOS_GCS_ARTIFACTS": artifacts,
                "GOOGLE_APPLICATION_CREDENTIALS": str(tokens.service_account_file()),
            }
            yield GoogleSide(service, store, tokens, artifacts, {**store.env, **names})


def default_at_once() -> int:
    """Return how many chunks a stand-in renders at the same time on this machine."""
    return max(1, os.cpu_count() or 1)
