"""The stack as users deploy it: the real CDK builds and pushes images, functions are containers."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from sandbox.aws.deploy import DeployedStack, local_deployment
from sandbox.aws.local_aws import LocalAws
from sandbox.containers.docker_registry import manifest_of
from sandbox.containers.images import ENGINE_VARIABLE
from tests.orchestrator.cloud_sites import frame_hashes
from tests.orchestrator.conftest import Bench

pytestmark = [
    pytest.mark.image,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not shutil.which("npm"), reason="the CDK needs Node.js and npm"),
    pytest.mark.skipif(ENGINE_VARIABLE not in os.environ, reason="there is no Docker engine"),
]


def test_a_detached_render_on_what_the_cdk_built_has_the_frames_of_one_on_this_machine(
    aws: LocalAws, registry: str, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)
    bench.page("film/index.html")
    engine = os.environ[ENGINE_VARIABLE]
    docker = [sys.executable, "-m", "sandbox.containers.built_images"]
    docker += ["--engine", engine, "--registry", registry]
    env = {
        **aws.variables,
        "XDG_CONFIG_HOME": str(tmp_path / "settings"),
        "HELIOS_STACK": "Built",
    }
    same = ("--width", 160, "--height", 90, "--chunks", 2)
    with local_deployment(aws, context={"helios:stackName": "Built"}, docker=docker) as stack:
        repository, tag = _image_of(stack, aws)
        pushed, _ = manifest_of(registry, repository, tag)
        started = bench.run(
            *("render", "film", "-o", "cloud.mp4", "--detach", "--request-id", "built"),
            *same,
            env=env,
        )
        watched = bench.run("watch", "built", "--interval", 0.5, env=env)
        fetched = bench.run("fetch", "built", "-o", "cloud.mp4", env=env)

    assert json.loads(pushed)["layers"]
    for done in (started, watched, fetched):
        assert done.status == 0, done.stderr
    here = bench.run("render", "film", "-o", "here.mp4", *same)
    assert here.status == 0, here.stderr
    assert frame_hashes(bench.folder / "cloud.mp4") == frame_hashes(bench.folder / "here.mp4")


def _image_of(stack: DeployedStack, aws: LocalAws) -> tuple[str, str]:
    """Return the repository and the tag of the image that a stack's chunks are rendered by."""
    function = aws.client("lambda").get_function(FunctionName=stack.chunk_function)
    repository, _, tag = function["Code"]["ImageUri"].partition("/")[2].rpartition(":")
    return repository, tag
