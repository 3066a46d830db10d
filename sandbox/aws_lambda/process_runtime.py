"""A Lambda runtime as processes of this machine: the real `python -m awslambdaric`."""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import psutil

from sandbox.aws_lambda.function import LambdaFunction
from sandbox.aws_lambda.memory_watch import MemoryWatch
from sandbox.aws_lambda.runtime import Runtime
from sandbox.worker_environment import worker_environment

# Variables of this process that name programs, folders and the locale.
_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "HELIOS_BROWSER")
# Marks an environment's processes. Workers remove Lambda's own variables from the environment of
# commands, but not those of this project.
_MARKER = "HELIOS_SANDBOX_ENVIRONMENT"
# Time limit in seconds for killed processes to end.
_KILL_PATIENCE = 5.0


class ProcessRuntime(Runtime):
    """Runs a handler in processes, which end with their environment.

    Substitutes for Lambda's virtual machine: processes are stopped between
    invocations, and the memory limit is kept by a watch.
    """

    def __init__(self, function: LambdaFunction, *, watch: MemoryWatch) -> None:
        self._function = function
        self._watch = watch
        self._watching = contextlib.ExitStack()
        self._process: asyncio.subprocess.Process | None = None
        self._id = secrets.token_hex(8)
        self._killed_for_memory = False

    async def start(
        self,
        variables: Mapping[str, str],
        *,
        folder: Path,
        log: IO[bytes],
        on_event: Callable[[str], None],
    ) -> None:
        temporary = folder / "tmp"
        temporary.mkdir(parents=True)
        task_root = self._function.code or folder
        environment = await asyncio.to_thread(worker_environment, "worker_lambda")
        self._process = await asyncio.create_subprocess_exec(
            *_tied_to_this_process(),
            str(environment.python),
            "-m",
            "awslambdaric",
            self._function.handler,
            cwd=task_root,
            env={
                **{name: os.environ[name] for name in _INHERITED if name in os.environ},
                **environment.variables(os.environ.get("PATH", os.defpath)),
                **variables,
                "LAMBDA_TASK_ROOT": str(task_root),
                _MARKER: self._id,
                "HOME": str(temporary),
                "TMPDIR": str(temporary),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # A group of its own, which one signal stops or continues.
            start_new_session=True,
        )

        def note(sentence: str) -> None:
            self._killed_for_memory = True
            on_event(sentence)

        self.memory = self._watching.enter_context(
            self._watch.over(self._process.pid, limit=self._function.memory, on_kill=note)
        )

    async def exited(self) -> str:
        code = await self._known.wait()
        if code == -signal.SIGKILL:
            return "signal: killed"
        return f"signal: {-code}" if code < 0 else f"exit status {code}"

    @property
    def ran_out_of_memory(self) -> bool:
        return self._killed_for_memory

    @property
    def peak_memory(self) -> int:
        return self.memory.peak

    async def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    async def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    async def kill(self) -> None:
        self._watching.close()
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        await self._known.wait()
        # Browsers and commands lead groups of their own, and may have lost their parent.
        for _ in range(round(_KILL_PATIENCE / 0.05)):
            strays = await asyncio.to_thread(_processes_of, self._id)
            if not strays:
                return
            for stray in strays:
                with contextlib.suppress(psutil.Error):
                    stray.kill()
            await asyncio.sleep(0.05)

    @property
    def _known(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError("the runtime wasn't started")
        return self._process

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._known.pid, number)


def _tied_to_this_process() -> list[str]:
    # A suspended process wouldn't notice that its client has ended.
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _processes_of(environment: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            lives = process.status() != psutil.STATUS_ZOMBIE
            if lives and process.environ().get(_MARKER) == environment:
                found.append(process)
    return found
