"""The stacks, synthesised once in a session: it takes many seconds."""

import json
import os
from pathlib import Path

import aws_cdk as cdk
import pytest

from tests.infra.templates import Stacks, Template

ROOT = Path(__file__).parents[2]

# The CDK warns of Node.js versions at length, on every synth; what the CDK needs is documented.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "1")


@pytest.fixture(scope="session")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Stacks:
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    folder = tmp_path_factory.mktemp("cdk.out")
    return Stacks(cdk.App(outdir=str(folder), context=context))


@pytest.fixture(scope="session")
def template(stacks: Stacks) -> Template:
    return stacks.default


@pytest.fixture(scope="session")
def full(stacks: Stacks) -> Template:
    return stacks.first_region
