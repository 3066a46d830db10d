"""Finds or starts a Docker engine that builds and runs the workers' images."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Seconds for an engine to answer, and to stop.
_START_PATIENCE = 60.0
_STOP_PATIENCE = 30.0
#: Debian packages of a private engine.
PACKAGES = ("docker.io", "docker-registry", "iptables", "mmdebstrap")


class EngineUnavailable(Exception):
    """No engine answers, and none could be started; the message has the reason."""


def docker_client(host: str, *, timeout: float = 600) -> Any:
    """Return a client of the engine at a URL such as `unix:///path/docker.sock`."""
    import docker  # type: ignore[import-untyped]  # noqa: PLC0415

    return docker.DockerClient(base_url=host, timeout=timeout)


@contextlib.contextmanager
def docker_engine(*, install: bool = False) -> Iterator[str]:
    """Provide a Docker engine while the context lasts; yields its URL.

    Args:
        install: Whether missing packages may be installed.

    Raises:
        EngineUnavailable: There is none and none can be started: that takes Linux, root, and
            Debian's packages.
    """
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if _answers(host):
        yield host
        return
    _require_means(install=install)
    # A socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    try:
        with _private_engine(folder) as private:
            yield private
    finally:
        # The engine's own mount outlives it.
        subprocess.run(
            ["umount", folder / "exec" / "netns" / "default"], capture_output=True, check=False
        )
        shutil.rmtree(folder, ignore_errors=True)


def docker_command(host: str) -> list[str]:
    """Return the command line client, as one that builds with BuildKit."""
    # Another client may lack BuildKit.
    client = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"
    return [client, "--host", host]


@contextlib.contextmanager
def _private_engine(folder: Path) -> Iterator[str]:
    host = f"unix://{folder}/docker.sock"
    log = folder / "log"
    command = ["dockerd", "--host", host, "--storage-driver", "overlay2"]
    command += ["--data-root", str(folder / "root"), "--exec-root", str(folder / "exec")]
    command += ["--pidfile", str(folder / "pid")]
    # Containers use this machine's network, so that its settings needn't be changed.
    command += ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"]
    with log.open("wb") as output:
        engine = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            _wait_for(host, engine, log)
            yield host
        finally:
            engine.terminate()
            try:
                engine.wait(_STOP_PATIENCE)
            except subprocess.TimeoutExpired:
                engine.kill()
                engine.wait()


def _wait_for(host: str, engine: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_PATIENCE
    while not _answers(host):
        if engine.poll() is not None or time.monotonic() > deadline:
            last = log.read_text("utf-8", "replace").strip().splitlines()[-1:]
            raise EngineUnavailable(f"dockerd doesn't start: {''.join(last) or 'no reason given'}")
        time.sleep(0.1)


def _answers(host: str) -> bool:
    try:
        client = docker_client(host, timeout=5)
        client.ping()
        client.close()
    except Exception:
        # After any failure it can't be used.
        return False
    return True


def _require_means(*, install: bool) -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise EngineUnavailable("no engine answers, and only root on Linux can start one")
    # Images can be built without the registry.
    needed = ["dockerd", "mmdebstrap", *(["docker-registry"] if install else [])]
    if all(map(shutil.which, needed)):
        return
    if not install or not shutil.which("apt-get"):
        raise EngineUnavailable(f"no engine answers; one can be started with {' '.join(PACKAGES)}")
    apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for step in (["update"], ["install", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(
            [*apt, *step], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            last = done.stderr.strip().splitlines()[-1:]
            raise EngineUnavailable(f"apt-get {step[0]} failed: {''.join(last)}")
