"""A Lambda runtime as a container of the worker's image, within Lambda's limits."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from sandbox.aws_lambda.function import LambdaFunction
from sandbox.aws_lambda.runtime import Runtime

#: User of an execution environment, and its limits of processes and files.
USER = "993:990"
PROCESSES = 1024
OPEN_FILES = 1024
# Exit status of a process that was killed (128 + SIGKILL).
_KILLED = 137


class ContainerRuntime(Runtime):
    """Runs a function's image.

    Its root is read-only and so is /dev/shm, only /tmp can be written, no process is root or can
    become so, and memory, processes and open files are limited. Its network is this machine's, so
    that it finds the Runtime API.

    Args:
        engine: Client of the Docker engine that has the image.
    """

    def __init__(self, function: LambdaFunction, *, engine: Any) -> None:
        self._function = function
        self._engine = engine
        self._container: Any = None
        self._exited: asyncio.Future[str] | None = None
        self._out_of_memory = False

    async def start(
        self,
        variables: Mapping[str, str],
        *,
        folder: Path,
        log: IO[bytes],
        on_event: Callable[[str], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self._exited = loop.create_future()
        self._container = await asyncio.to_thread(self._run, variables, folder.name)

        def follow() -> None:
            how = self._follow(log, on_event)
            with contextlib.suppress(RuntimeError):  # the loop may be closed by then
                loop.call_soon_threadsafe(self._note_exit, how)

        # A thread of its own, as it waits for as long as the container runs.
        threading.Thread(target=follow, daemon=True).start()

    async def exited(self) -> str:
        if self._exited is None:
            raise RuntimeError("the runtime wasn't started")
        return await asyncio.shield(self._exited)

    @property
    def ran_out_of_memory(self) -> bool:
        return self._out_of_memory

    @property
    def peak_memory(self) -> int:
        return 0

    async def freeze(self) -> None:
        await self._do("pause")

    async def thaw(self) -> None:
        # One that was just started was never paused.
        await self._do("unpause")

    async def kill(self) -> None:
        await self._do("remove", force=True)

    def _run(self, variables: Mapping[str, str], name: str) -> Any:
        memory = self._function.memory
        return self._engine.containers.run(
            self._function.image,
            [self._function.handler],
            name=f"lambda-{name}",
            detach=True,
            environment=dict(variables),
            network_mode="host",
            read_only=True,
            tmpfs={
                "/tmp": f"exec,size={self._function.temporary_storage}",  # noqa: S108 - inside
                "/dev/shm": "ro,size=4k",  # noqa: S108
            },
            user=USER,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            pids_limit=PROCESSES,
            ulimits=[{"Name": "nofile", "Soft": OPEN_FILES, "Hard": OPEN_FILES}],
            mem_limit=memory,
            memswap_limit=memory,
        )

    def _follow(self, log: IO[bytes], on_event: Callable[[str], None]) -> str:
        from docker.errors import APIError  # type: ignore[import-untyped]  # noqa: PLC0415

        try:
            for piece in self._container.logs(stream=True, follow=True):
                with contextlib.suppress(ValueError):  # the log was closed
                    log.write(piece)
            code = int(self._container.wait()["StatusCode"])
            self._container.reload()
        except (APIError, OSError):
            # It was removed, by `kill`.
            return "signal: killed"
        if self._container.attrs["State"]["OOMKilled"]:
            self._out_of_memory = True
            on_event("out of memory: a process of the container was killed")
        return "signal: killed" if code == _KILLED else f"exit status {code}"

    def _note_exit(self, how: str) -> None:
        if self._exited is not None and not self._exited.done():
            self._exited.set_result(how)

    async def _do(self, action: str, **options: Any) -> None:
        from docker.errors import APIError  # noqa: PLC0415

        if self._container is not None:
            # It may have ended, or be in that state already.
            with contextlib.suppress(APIError):
                await asyncio.to_thread(getattr(self._container, action), **options)
