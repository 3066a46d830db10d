"""The stacks, synthesised once in a session: it takes many seconds."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.aws.deploy import local_deployment
from sandbox.aws.local_aws import LocalAws
from tests.helios_infra.films import Renders
from tests.helios_infra.templates import Stacks, Template

ROOT = Path(__file__).parents[2]

# The CDK warns of Node.js versions at length, on every synth; what the CDK needs is documented.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "1")


@pytest.fixture(scope="session")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Stacks:
    import aws_cdk as cdk

    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    folder = tmp_path_factory.mktemp("cdk.out")
    return Stacks(cdk.App(outdir=str(folder), context=context))


@pytest.fixture(scope="session")
def template(stacks: Stacks) -> Template:
    return stacks.default


@pytest.fixture(scope="session")
def full(stacks: Stacks) -> Template:
    return stacks.first_region


@pytest.fixture(scope="session")
def existing(stacks: Stacks) -> Template:
    return stacks.existing


@pytest.fixture(scope="session")
def renders(aws: LocalAws) -> Iterator[Renders]:
    """The stack in the local AWS, by the real CDK; tests that use it share one worker."""
    context = {
        "helios:executables": "ffmpeg,ffprobe,helios,python3",
        "helios:chunkRetries": "2",
        "helios:privateWebhooks": "true",
    }
    with local_deployment(aws, context=context) as stack:
        yield Renders(aws, stack)
    # Destroying removes what it must, and no video.
    client = aws.client("lambda")
    left = {function["FunctionName"] for function in client.list_functions()["Functions"]}
    assert not left & {stack.chunk_function, stack.merge_function}
    machines = aws.client("stepfunctions").list_state_machines()["stateMachines"]
    assert stack.state_machine not in {machine["stateMachineArn"] for machine in machines}
    parameters = aws.client("ssm").get_parameters(Names=[f"/helios/{stack.name}/stack"])
    assert parameters["InvalidParameters"]
    aws.client("s3").head_bucket(Bucket=stack.bucket)
