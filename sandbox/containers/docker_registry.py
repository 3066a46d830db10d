"""An image registry on this machine, and ECR's answers for its images."""

import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Media type of image manifests.
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
# Seconds for a registry to answer.
_PATIENCE = 10.0


class RegistryUnavailable(Exception):
    """No registry could be started; the message has the reason."""


@contextmanager
def docker_registry(folder: Path) -> Iterator[str]:
    """Run Debian's registry while the context lasts; yields its address.

    Args:
        folder: For its images and settings.

    Raises:
        RegistryUnavailable: It isn't installed (`docker-registry`), or doesn't start.
    """
    program = shutil.which("docker-registry")
    if program is None:
        raise RegistryUnavailable("docker-registry is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"localhost:{probe.getsockname()[1]}"
    settings = folder / "registry.yml"
    settings.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder / 'images'}}}}}\n"
        f"http: {{addr: {address}}}\n"
    )
    process = subprocess.Popen(
        [program, "serve", settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(address)
        yield address
    finally:
        process.terminate()
        process.wait()


def manifest_of(address: str, repository: str, tag: str) -> tuple[str, str]:
    """Return an image's manifest and digest from its registry."""
    request = urllib.request.Request(
        f"http://{address}/v2/{repository}/manifests/{tag}", headers={"Accept": MANIFEST}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - of this machine
        return answer.read().decode(), answer.headers["Docker-Content-Digest"]


def register(name: str, manifest: str) -> None:
    """Register an image, such as `ACCOUNT.dkr.ecr.REGION.HOST/REPOSITORY:TAG`, in the local ECR."""
    import boto3  # noqa: PLC0415

    host, _, rest = name.partition("/")
    repository, _, tag = rest.rpartition(":")
    boto3.client("ecr", region_name=host.split(".")[3]).put_image(
        repositoryName=repository,
        imageTag=tag,
        imageManifestMediaType=MANIFEST,
        imageManifest=manifest,
    )


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"http://{address}/v2/").close()
            return
        except OSError as fault:
            if time.monotonic() > deadline:
                raise RegistryUnavailable(f"docker-registry doesn't answer: {fault}") from fault
            time.sleep(0.1)
