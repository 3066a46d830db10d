"""Services deployed by the Cloud Run API stand-in: real workers on this machine."""

import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from google.cloud import run_v2

from sandbox.google.cloud_run import SERVER, LocalCloudRun, local_cloud_run


class DeployedServices:
    """Starts a worker for each ready service, and replaces it on an update.

    It is the `address` of `CloudRunApi`, and a context manager.

    Args:
        folder: For logs, and files of workers.
        variables: Environment variables with local endpoints, on top of those deployed.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self._folder = folder
        self._variables = variables
        self._lock = threading.Lock()
        self._running: dict[str, tuple[LocalCloudRun, contextlib.ExitStack]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for _, stack in self._running.values():
            stack.close()

    def __call__(self, service: run_v2.Service) -> str:
        """Serve a service's current revision; return its constant URL."""
        with self._lock:
            port = 0
            if service.name in self._running:
                before, stack = self._running.pop(service.name)
                port = urlsplit(before.url).port or 0
                stack.close()
            stack = contextlib.ExitStack()
            worker = stack.enter_context(
                local_cloud_run(
                    folder=self._folder / service.name.replace("/", "-"),
                    variables={**_environment(service), **self._variables},
                    command=_command(service),
                    port=port,
                )
            )
            self._running[service.name] = worker, stack
            return worker.url

    def log(self, name: str) -> str:
        """Return the log of a service's worker since the last deployment."""
        return self._running[name][0].log()


def _command(service: run_v2.Service) -> tuple[str, ...]:
    """Return the command of a service's server, without the init process of images."""
    words = tuple(service.template.containers[0].command)
    return (*words[words.index("gunicorn") :], *SERVER[-2:]) if words else SERVER


def _environment(service: run_v2.Service) -> dict[str, str]:
    return {v.name: v.value for c in service.template.containers for v in c.env}
