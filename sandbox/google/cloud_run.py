"""A Cloud Run service on this machine: the real worker under the real gunicorn."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.containers.docker_engine import docker_command
from sandbox.worker_environment import worker_environment

#: The start command of the worker's image, on an open socket of the loopback interface.
SERVER = ("gunicorn", "--config", "python:worker_cloudrun.gunicorn_conf", "--bind", "fd://{socket}")

#: How the service that sends webhooks is started there.
WEBHOOKS_SERVER = (
    *("gunicorn", "--config", "python:worker_cloudrun.webhooks.gunicorn_conf"),
    *("--bind", "fd://{socket}"),
)

#: Name of the Cloud Run worker's image.
CLOUDRUN_IMAGE = "helios-worker-cloudrun:latest"

# Variables of this process that name programs, folders and the locale.
_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "HELIOS_BROWSER", "HELIOS_NO_SANDBOX")
# Time limits in seconds of the worker's start, and of its end after SIGTERM.
_START_PATIENCE = 60.0
_STOP_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class LocalCloudRun:
    """A running service: its URL, its process, and its log."""

    url: str
    process: "subprocess.Popen[bytes]"
    log_file: Path

    def log(self) -> str:
        """Return its log."""
        return self.log_file.read_text("utf-8", "replace")

    def terminate(self) -> None:
        """Send SIGTERM, as Cloud Run does."""
        self.process.send_signal(signal.SIGTERM)


@contextlib.contextmanager
def local_cloud_run(
    *,
    folder: Path,
    variables: Mapping[str, str],
    command: Sequence[str] = SERVER,
    verify_callers: bool = False,
    engine: str | None = None,
    port: int = 0,
) -> Iterator[LocalCloudRun]:
    """Run a service while the context lasts.

    One process represents `HELIOS_CONCURRENCY` instances.

    Args:
        folder: For its log and its files.
        variables: The service's environment variables.
        command: Command that starts it, with a program of the worker's environment; `{socket}`
            becomes the number of an open socket, `{port}` that of a free port.
        verify_callers: Whether it accepts only tokens whose audience is its URL.
        engine: URL of a Docker engine that runs the worker's image in place of a process.
        port: The port; a free one by default.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    # Bound here, so that no other process takes the port before the server does.
    listener = socket.create_server(("127.0.0.1", port))
    port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    given = {
        "PORT": str(port),
        "K_SERVICE": "worker",
        "K_REVISION": "worker-00001",
        "GOOGLE_CLOUD_PROJECT": "sandbox",
        "PYTHONUNBUFFERED": "1",
        **({"HELIOS_AUDIENCE": url} if verify_callers else {}),
        **variables,
    }
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    env = {**inherited, "HOME": str(temporary), "TMPDIR": str(temporary), **given}
    if engine is None:
        environment = worker_environment("worker_cloudrun")
        program, *words = [str(environment.programs / command[0]), *command[1:]]
        env = {**env, **environment.variables(os.environ.get("PATH", os.defpath)), **given}
    else:
        program, *words = _in_container(engine, given, command)
        env = dict(os.environ)
    inherits = any("{socket}" in word for word in words)
    if not inherits:
        listener.close()
    number = listener.fileno()
    words = [word.format(port=port, socket=number) for word in words]
    log_file = folder / "service.log"
    with log_file.open("wb") as log, listener:
        process = subprocess.Popen(
            [program, *words],
            env=env,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[number] if inherits else [],
        )
    service = LocalCloudRun(url=url, process=process, log_file=log_file)
    try:
        _wait_until_ready(service, port)
        yield service
    finally:
        _stop(process)


def _in_container(engine: str, variables: Mapping[str, str], server: Sequence[str]) -> list[str]:
    """Return the command that runs the image as Cloud Run does; it passes signals on."""
    command = [*docker_command(engine), "run", "--rm", "--network", "host", "--read-only"]
    command += ["--tmpfs", "/tmp:exec", "--memory", "2g", "--cap-drop", "ALL"]  # noqa: S108
    for name, value in variables.items():
        # Other braces aren't replaced.
        command += ["--env", f"{name}={value}".replace("{", "{{").replace("}", "}}")]
    # No socket is passed on to a container.
    return [*command, CLOUDRUN_IMAGE, *server[:-1], "127.0.0.1:{port}"]


def _wait_until_ready(service: LocalCloudRun, port: int) -> None:
    deadline = time.monotonic() + _START_PATIENCE
    while time.monotonic() < deadline and service.process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            contextlib.closing(connection),
        ):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the worker isn't ready: {service.log()[-2000:]}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
