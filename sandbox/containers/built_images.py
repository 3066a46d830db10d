"""Stands in for Docker where the CDK deploys images that are built already.

`python -m sandbox.containers.built_images --engine URL --registry ADDRESS ARGUMENTS` runs the CDK's
`docker` commands by an engine. Images for ECR go to a registry on this machine instead.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from sandbox.containers.docker_engine import docker_command
from sandbox.containers.docker_registry import manifest_of, register
from sandbox.containers.images import build_flags


def _push(docker: Sequence[str], name: str, *, registry: str) -> None:
    """Push an image such as `ACCOUNT.dkr.ecr.REGION.HOST/REPOSITORY:TAG`."""
    repository, _, tag = name.partition("/")[2].rpartition(":")
    there = f"{registry}/{repository}:{tag}"
    subprocess.run([*docker, "tag", name, there], check=True)
    subprocess.run([*docker, "push", "--quiet", there], check=True)
    manifest, _ = manifest_of(registry, repository, tag)
    register(name, manifest)


def main() -> None:
    """Answer one call of `docker`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", required=True)
    parser.add_argument("--registry", required=True)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    docker = docker_command(options.engine)
    match options.arguments:
        case ["build", *rest]:
            env = {**os.environ, "DOCKER_BUILDKIT": "1"}
            command = [*docker, "build", *build_flags(options.engine), *rest]
            sys.exit(subprocess.run(command, env=env, check=False).returncode)
        case ["push", *_, name]:
            _push(docker, name, registry=options.registry)
        case ["login", *_]:
            sys.stdin.read()
        case [*arguments]:
            sys.exit(subprocess.run([*docker, *arguments], check=False).returncode)


if __name__ == "__main__":
    main()
