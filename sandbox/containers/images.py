"""Builds both workers' images, and runs the tests that are marked for them against containers.

`python -m sandbox.containers.images test` prints whether workers run as containers or, if there is
no Docker engine, as processes, as in all other tests of `make test`.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.aws.local_aws import WORKER_IMAGE
from sandbox.containers.docker_engine import EngineUnavailable, docker_command, docker_engine
from sandbox.google.cloud_run import CLOUDRUN_IMAGE

#: Name of each worker's image.
IMAGES: Mapping[str, str] = {
    "worker_lambda": WORKER_IMAGE,
    "worker_cloudrun": CLOUDRUN_IMAGE,
}
#: Environment variable with the URL of the engine that has the images, for tests.
ENGINE_VARIABLE = "HELIOS_TEST_ENGINE"

_ROOT = Path(__file__).resolve().parents[2]
_DOCKERFILE = _ROOT / "worker_cloudrun/Dockerfile"
#: The image that the Dockerfiles build on, such as `debian:trixie-slim@sha256:...`.
_BASE = re.search(r"^ARG BASE_IMAGE=(\S+)", _DOCKERFILE.read_text("utf-8"), re.MULTILINE)[1]  # type: ignore[index]
_RELEASE = _BASE.removeprefix("debian:").partition("-")[0]
_STAND_IN = f"helios-base-stand-in:{_RELEASE}"
# Time limits in seconds of fetching the base image, and of building one image.
_PULL_PATIENCE = 120
_BUILD_PATIENCE = 900
# Files that the slim image omits.
_SLIM = (
    *("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*"),
    *("/usr/share/lintian/*", "/usr/share/linda/*", "/usr/share/groff/*"),
)
_CERTIFICATES = Path("/usr/local/share/ca-certificates")
# Settings of pip that also apply inside a container, as they aren't paths.
_PIP_SETTINGS = ("cert", "index-url", "trusted-host", "proxy", "default-timeout")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


class BuildFailed(Exception):
    """An image couldn't be built; holds the end of the log."""


class NothingToBuildOn(EngineUnavailable):
    """The engine has no base image, or its containers no network; the message has the reason."""


def build_images(host: str) -> None:
    """Build both images with an engine.

    Raises `BuildFailed` or `NothingToBuildOn`.
    """
    flags = build_flags(host)
    # Further failures are due to the Dockerfiles.
    _probe([*docker_command(host), "run", "--rm", "--network", "host", _base_image(host)])
    for package, name in IMAGES.items():
        _said(f"building {name}: {flags[-1]}")
        started = time.monotonic()
        command = [*docker_command(host), "build", *flags, "--tag", name]
        command += ["--file", str(_ROOT / package / "Dockerfile"), str(_ROOT)]
        _build(command)
        _said(f"built in {time.monotonic() - started:.0f} s")


def build_flags(host: str) -> list[str]:
    """Return the flags for building an image, also without access to a registry.

    Raises `NothingToBuildOn`.
    """
    return ["--network", "host", "--build-arg", f"BASE_IMAGE={_base_image(host)}"]


def _base_image(host: str) -> str:
    """Return the base image: the real one, or a substitute without access to a registry."""
    docker = docker_command(host)
    for name in (_BASE, _STAND_IN):
        if _succeeds([*docker, "image", "inspect", name]):
            return name
    if _succeeds([*docker, "pull", "--quiet", _BASE]):
        return _BASE
    if shutil.which("mmdebstrap") is None:
        raise NothingToBuildOn(
            f"{_BASE} can't be pulled, and mmdebstrap isn't there to stand in for it"
        )
    _said(f"{_BASE} can't be pulled: making a stand-in of Debian's packages")
    try:
        _make_stand_in(docker)
    except BuildFailed as fault:
        raise NothingToBuildOn(f"{_BASE} can't be pulled, and no stand-in made: {fault}") from fault
    return _STAND_IN


def _make_stand_in(docker: Sequence[str]) -> None:
    """Build a substitute of the slim image with this machine's package registries."""
    with tempfile.TemporaryDirectory(prefix="base-image-") as folder:
        archive = Path(folder, "base.tar")
        command = ["mmdebstrap", "--quiet", "--variant=minbase"]
        command += [f"--dpkgopt=path-exclude={pattern}" for pattern in _SLIM]
        # As in the real image: without waiting for the disk.
        command += ["--dpkgopt=force-unsafe-io"]
        if any(_CERTIFICATES.glob("*.crt")):
            command += [f"--customize-hook=copy-in {_CERTIFICATES} /usr/local/share"]
        _run([*command, _RELEASE, str(archive)])
        changes = [f"--change=ENV {name}={value}" for name, value in _settings().items()]
        _run([*docker, "import", *changes, str(archive), _STAND_IN])


def _probe(container: Sequence[str]) -> None:
    try:
        _run([*container, "apt-get", "-q", "update", "-o", "APT::Update::Error-Mode=any"])
    except BuildFailed as fault:
        raise NothingToBuildOn(
            f"a container doesn't run, or reaches no packages: {fault}"
        ) from None


def _build(command: Sequence[str]) -> None:
    env = {**os.environ, "DOCKER_BUILDKIT": "1"}
    try:
        _run(command, env=env)
    except BuildFailed:
        # Downloads may succeed the next time; a faulty Dockerfile fails again.
        _run(command, env=env)


def _settings() -> dict[str, str]:
    """Return the environment variables with this machine's settings of pip."""
    settings = {name: os.environ[name] for name in _PROXIES if name in os.environ}
    pip = [sys.executable, "-m", "pip", "config", "get"]
    for setting in _PIP_SETTINGS:
        name = f"PIP_{setting.upper().replace('-', '_')}"
        told = subprocess.run(
            [*pip, f"global.{setting}"], capture_output=True, text=True, check=False
        )
        value = os.environ.get(name) or told.stdout.strip()
        if value:
            settings[name] = value
    return settings


def test_images(arguments: Sequence[str], *, install: bool) -> int:
    """Run the tests marked `image` against containers; return pytest's exit status."""
    try:
        with docker_engine(install=install) as host:
            build_images(host)
            _said("the tests marked `image` run against containers of both images")
            command = [sys.executable, "-m", "pytest", "-m", "image", *arguments]
            env = {**os.environ, ENGINE_VARIABLE: host}
            return subprocess.run(command, env=env, cwd=_ROOT, check=False).returncode
    except EngineUnavailable as fault:
        _said(f"not tested as containers, only as processes, by all other tests: {fault}")
        return 0


def _run(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
    what = " ".join(command[:4])
    try:
        done = subprocess.run(
            command,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_BUILD_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise BuildFailed(f"{what} ... took more than {late.timeout:g} s") from None
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-30:])
        raise BuildFailed(f"{what} ... failed:\n{tail}")


def _succeeds(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PULL_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _said(sentence: str) -> None:
    print(f"images: {sentence}", flush=True)


def main() -> None:
    """Build the images, or build and test them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["build", "test"])
    parser.add_argument("--install", action="store_true", help="install a Docker engine by apt-get")
    parser.add_argument("arguments", nargs="*", help="for pytest (after --)")
    options = parser.parse_args()
    try:
        if options.action == "test":
            sys.exit(test_images(options.arguments, install=options.install))
        with docker_engine(install=options.install) as host:
            build_images(host)
    except (BuildFailed, EngineUnavailable) as fault:
        sys.exit(f"images: {fault}")


if __name__ == "__main__":
    main()
