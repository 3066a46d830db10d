"""What builds and pushes the Cloud Run worker's image; for real where an engine is."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.containers.docker_registry import manifest_of
from sandbox.containers.images import ENGINE_VARIABLE, build_flags

SCRIPT = Path(__file__).parents[2] / "scripts/build-image"


def build(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [SCRIPT, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "scripts/build-image HOST/PATH"),
        (("worker",), "names no registry"),
        (("host/worker@sha256:0",), "has a digest already"),
        (("host/worker", "host/other"), "one image at a time"),
        (("host/worker", "--engine"), "--engine needs a value"),
        (("host/worker", "--engine", "kaniko"), "there is no engine kaniko"),
        (("host/worker", "--push"), "there is no option --push"),
    ],
)
def test_what_cannot_be_built_is_refused_before_anything_is_done(
    arguments: tuple[str, ...], told: str
) -> None:
    done = build(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stdout == ""


def test_without_an_engine_the_cloud_is_proposed(tmp_path: Path) -> None:
    for program in ("bash", "dirname", "git", "env"):
        found = shutil.which(program)
        assert found
        (tmp_path / program).symlink_to(found)
    done = build("host/worker", PATH=str(tmp_path))
    assert done.returncode == 2
    assert "--engine cloud-build builds in the cloud" in done.stderr


@pytest.mark.image
@pytest.mark.timeout(900)
@pytest.mark.skipif(ENGINE_VARIABLE not in os.environ, reason="there is no Docker engine")
def test_the_digest_is_that_of_what_the_registry_got(registry: str) -> None:
    engine = os.environ[ENGINE_VARIABLE]
    flags = build_flags(engine)
    path = f"/usr/bin:{os.environ['PATH']}"  # other clients may lack BuildKit
    done = build(f"{registry}/helios/worker:v1", "--", *flags, DOCKER_HOST=engine, PATH=path)
    assert done.returncode == 0, done.stderr
    image, digest = re.fullmatch(r"(\S+)@(sha256:[0-9a-f]{64})\n", done.stdout).groups()  # type: ignore[union-attr]
    assert image == f"{registry}/helios/worker"
    _, told = manifest_of(registry, "helios/worker", "v1")
    assert told == digest
