"""Runs one command within limits on programs, output and time."""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Coroutine, Mapping
from pathlib import Path
from typing import Any

from helios.concurrency import finish_despite_cancel
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import (
    CommandForbidden,
    CommandNotFound,
    HeliosError,
)
from helios.process import without_network
from helios.process.command_result import (
    EXIT_FORBIDDEN,
    Ending,
    ended_result,
    refused_result,
    unstarted_result,
)
from helios.process.output_capture import LINGER, OutputCallback, OutputCapture
from helios.process.process_tree import MARKER, ProcessTree
from helios.process.scratch_folder import CACHE_VARIABLE, scratch_folder

#: Default executables that a worker may run.
DEFAULT_EXECUTABLES = frozenset({"helios"})
#: Seconds between SIGTERM and SIGKILL.
GRACE = 5.0

_Process = tuple[asyncio.SubprocessTransport, OutputCapture]

# Isolated from the environment and without site packages, which it doesn't need.
_WITHOUT_NETWORK = [sys.executable, "-I", "-S", str(Path(without_network.__file__))]

_EXIT_NOT_FOUND = 127


class RenderExecutor:
    """Runs commands on this machine, without a shell.

    Each command has its own temporary folder (TMPDIR), removed at its end, and its own process
    group. When a command ends, all processes that it started are ended.

    Args:
        allowed: Executables that may run, by the exact names that commands use; None for any.
        env: Base environment of commands; this process's own by default. Executables are looked up
            on its PATH, not on the PATH of a job.
        temp_dir: Folder for the commands' temporary folders; the system's by default.
        grace: Seconds between SIGTERM and SIGKILL.
        network: Whether programs other than `helios` may open network connections. `helios`
            restricts pages to the proxy given in its environment.
    """

    def __init__(
        self,
        *,
        allowed: Collection[str] | None = DEFAULT_EXECUTABLES,
        env: Mapping[str, str] | None = None,
        temp_dir: Path | None = None,
        grace: float = GRACE,
        network: bool = True,
    ) -> None:
        self._allowed = allowed
        cache = str(temp_dir or tempfile.gettempdir())
        self._env = {CACHE_VARIABLE: cache, **(os.environ if env is None else env)}
        self._temp_dir = temp_dir
        self._grace = grace
        self._network = network

    async def run(
        self,
        job: WorkerJob,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - it ends processes, not just the wait
        on_output: OutputCallback | None = None,
    ) -> WorkerResult:
        """Run a job's command to its end.

        Cancelling the calling task ends the command with all its processes first.

        Args:
            job: The command.
            timeout: Seconds after which it is ended; the job's limit by default.
            on_output: Called for each line of output.

        Returns:
            The outcome; `error` is set for a command that can't start.
        """
        started = time.perf_counter()
        try:
            program = self._resolve(job)
        except HeliosError as error:
            exit_code = EXIT_FORBIDDEN if error.code == CommandForbidden.code else _EXIT_NOT_FOUND
            return refused_result(error, exit_code=exit_code)
        limit = job.timeout if timeout is None else timeout
        capture = OutputCapture(on_output)
        tree = ProcessTree(capture.pid)
        try:
            async with scratch_folder(self._temp_dir) as scratch:
                env = {**self._env, **(job.env or {}), "TMPDIR": scratch, MARKER: tree.marker}
                spawning = asyncio.create_task(self._spawn(program, job, env, capture))
                ending = await self._supervise(spawning, capture, tree, limit=limit)
        except _CannotStart as fault:
            return unstarted_result(job, fault.reason)
        except OSError as fault:
            return unstarted_result(job, fault)
        return ended_result(job, ending, capture, started=started, limit=limit)

    def _resolve(self, job: WorkerJob) -> str:
        name = job.command
        if self._allowed is not None and name not in self._allowed:
            known = ", ".join(sorted(self._allowed)) or "none"
            raise CommandForbidden(
                f"command: {name!r} is not on this worker's allow-list",
                hint=f"Allowed: {known}. The list is part of the worker's deployment.",
            )
        if "\0" in name:
            raise CommandNotFound("command: the executable's name contains a NUL character")
        if os.sep in name:
            # A relative path is relative to the command's folder, as for execve.
            found = str(Path(job.cwd or ".", name).absolute())
            if os.access(found, os.X_OK):
                return found
        elif name:
            return _beside_interpreter(name) or self._on_path(name)
        raise CommandNotFound(f"command: {name!r} is not an executable file")

    def _on_path(self, name: str) -> str:
        found = shutil.which(name, path=self._env.get("PATH", os.defpath))
        if found is None:
            raise CommandNotFound(
                f"command: {name!r} is not installed",
                hint="Install it, or add its folder to PATH.",
            )
        return str(Path(found).absolute())

    def _spawn(
        self, program: str, job: WorkerJob, env: Mapping[str, str], capture: OutputCapture
    ) -> Coroutine[Any, Any, _Process]:
        before = [] if self._network or job.command == "helios" else _WITHOUT_NETWORK
        return asyncio.get_running_loop().subprocess_exec(
            lambda: capture,
            *before,
            program,
            *job.args,
            stdin=asyncio.subprocess.DEVNULL,
            cwd=job.cwd,
            env=env,
            # In its own session, one signal reaches the command with its children.
            start_new_session=True,
        )

    async def _supervise(
        self,
        spawning: asyncio.Task[_Process],
        capture: OutputCapture,
        tree: ProcessTree,
        *,
        limit: float | None,
    ) -> "Ending":
        """Wait for the end of a process that is being started, and end its leftover processes."""
        try:
            transport = await _started(spawning)
            timed_out = await self._wait(capture, limit=limit)
            failed = timed_out or transport.get_returncode() != 0
            orderly = not failed and capture.closed.done() and not tree.has_group()
            if not orderly:
                await finish_despite_cancel(tree.end(grace=self._grace))
            await capture.finish()
            exit_code = transport.get_returncode() or 0
            return Ending(exit_code=exit_code, timed_out=timed_out)
        except _CannotStart:
            raise
        except BaseException:
            await finish_despite_cancel(tree.end(grace=self._grace))
            raise
        finally:
            if capture.transport is not None:
                capture.transport.close()

    async def _wait(self, capture: OutputCapture, *, limit: float | None) -> bool:
        """Wait for the command's exit; return whether the time limit was exceeded."""
        if limit is not None:
            await asyncio.wait([capture.exited], timeout=limit)
            if not capture.exited.done():
                return True
        await capture.exited
        if not capture.closed.done():
            await asyncio.wait([capture.closed], timeout=LINGER)
        return False


async def _started(
    spawning: asyncio.Task[_Process],
) -> asyncio.SubprocessTransport:
    try:
        # A cancellation during the start would leave an untracked process.
        transport, _ = await finish_despite_cancel(spawning)
    except (OSError, ValueError) as fault:
        raise _CannotStart(fault) from fault
    return transport


class _CannotStart(Exception):
    def __init__(self, reason: OSError | ValueError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _beside_interpreter(name: str) -> str | None:
    """Return the path of the `helios` command beside this interpreter; None for others."""
    if name != "helios":
        return None
    candidate = Path(sys.executable).parent / name
    return str(candidate) if os.access(candidate, os.X_OK) else None
