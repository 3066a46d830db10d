"""Runs one command to its end: bounded in what it may start, what it keeps, and how long."""

import asyncio
import errno
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import psutil

from helios.errors import (
    CommandFailed,
    CommandForbidden,
    CommandInvalid,
    CommandNotFound,
    CommandTimedOut,
    DiskFull,
    HeliosError,
)
from helios.worker_job import ErrorRecord, OutputTail, WorkerJob, WorkerResult

#: Receives the name of a stream ("stdout" or "stderr") and one line of it, without its end.
OutputCallback = Callable[[str, str], None]

#: Executables that a worker runs unless it is told otherwise.
DEFAULT_EXECUTABLES = frozenset({"helios", "ffmpeg", "ffprobe", "node"})
#: Seconds between asking processes to end (SIGTERM) and ending them (SIGKILL).
GRACE = 5.0
# Seconds that an exited command's outputs may stay open before whoever holds them is ended.
_LINGER = 0.5
# A line without end is handed on in pieces of this many bytes.
_MAX_LINE = 64 * 1024
# Seconds that killed processes may take to go, longer only in uninterruptible sleep.
_KILL_PATIENCE = 5.0
# Seconds between two looks at whether processes are gone.
_POLL = 0.02
# Seconds that two readings of the clock may disagree when they tell which process is older.
_CLOCK_SLACK = 60.0
# Environment variable by which a command's processes are known.
_MARKER = "HELIOS_COMMAND_ID"
_STREAMS = {1: "stdout", 2: "stderr"}

_EXIT_TIMED_OUT = 124
_EXIT_FORBIDDEN = 126
_EXIT_NOT_FOUND = 127
_EXIT_SIGNAL = 128


class RenderExecutor:
    """Runs commands on this machine, without a shell.

    Each command gets a temporary folder of its own (TMPDIR), which is gone with it, and a process
    group of its own. Whatever way a command ends, no process that it started outlives it.

    Parameters
    ----------
    allowed:
        Executables that may run, named exactly as commands name them; None for any.
    env:
        Environment that commands start from; this process's own by default. Executables are
        looked up on its PATH, never on one that a job brings along.
    temp_dir:
        Folder for the commands' temporary folders; the system's by default.
    grace:
        Seconds between SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        *,
        allowed: Collection[str] | None = DEFAULT_EXECUTABLES,
        env: Mapping[str, str] | None = None,
        temp_dir: Path | None = None,
        grace: float = GRACE,
    ) -> None:
        self._allowed = allowed
        self._env = dict(os.environ if env is None else env)
        self._scratch = _ScratchFolders(temp_dir)
        self._grace = grace

    async def run(
        self,
        job: WorkerJob,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - it ends processes, not just the wait
        on_output: OutputCallback | None = None,
    ) -> WorkerResult:
        """Run a job's command to its end.

        Cancelling the calling task ends the command with all its processes before the
        cancellation goes on.

        Parameters
        ----------
        job:
            The command.
        timeout:
            Seconds after which it is ended; the job's own limit by default.
        on_output:
            Is called for each line of output as it comes.

        Returns
        -------
        WorkerResult
            How it ended. A command that can't start is a result too, with `error` set.
        """
        started = time.perf_counter()
        try:
            program = self._resolve(job)
        except HeliosError as error:
            exit_code = _EXIT_FORBIDDEN if error.code == CommandForbidden.code else _EXIT_NOT_FOUND
            return _refused(error, exit_code=exit_code)
        limit = job.timeout if timeout is None else timeout
        conversation = _Conversation(on_output)
        scratch: str | None = None
        unspoilt = False
        try:
            scratch = self._scratch.take()
            ending = await self._converse(program, job, scratch, conversation, limit=limit)
            unspoilt = ending.orderly
        except _CannotStart as fault:
            return _unstarted(job, fault.reason)
        except OSError as fault:
            return _unstarted(job, fault)
        finally:
            if scratch is not None:
                await self._scratch.give_back(scratch, unspoilt=unspoilt)
        return _result(job, ending, conversation, started=started, limit=limit)

    def _resolve(self, job: WorkerJob) -> str:
        name = job.command
        if self._allowed is not None and name not in self._allowed:
            known = ", ".join(sorted(self._allowed)) or "none"
            raise CommandForbidden(
                f"command: {name!r} is not on this worker's allow-list",
                hint=f"Allowed: {known}. The list is set where the worker is deployed.",
            )
        if "\0" in name:
            raise CommandNotFound("command: the executable's name holds a NUL character")
        if os.sep in name:
            # A relative path counts from the command's folder, where execve would look too.
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

    async def _converse(
        self,
        program: str,
        job: WorkerJob,
        scratch: str,
        conversation: "_Conversation",
        *,
        limit: float | None,
    ) -> "_Ending":
        family = _ProcessFamily(conversation)
        env = {**self._env, **(job.env or {}), "TMPDIR": scratch, _MARKER: family.marker}
        try:
            transport = await self._start(program, job, env, conversation)
            timed_out = await self._wait(conversation, limit=limit)
            failed = timed_out or transport.get_returncode() != 0
            orderly = not failed and conversation.closed.done() and not family.has_group()
            if not orderly:
                await _to_the_end(family.end(grace=self._grace))
            await conversation.finish()
            exit_code = transport.get_returncode() or 0
            return _Ending(exit_code=exit_code, timed_out=timed_out, orderly=orderly)
        except _CannotStart:
            raise
        except BaseException:
            await _to_the_end(family.end(grace=self._grace))
            raise
        finally:
            if conversation.transport is not None:
                conversation.transport.close()

    async def _start(
        self,
        program: str,
        job: WorkerJob,
        env: Mapping[str, str],
        conversation: "_Conversation",
    ) -> asyncio.SubprocessTransport:
        spawning = asyncio.get_running_loop().subprocess_exec(
            lambda: conversation,
            program,
            *job.args,
            stdin=asyncio.subprocess.DEVNULL,
            cwd=job.cwd,
            env=env,
            # A session of its own, so that one signal reaches the command with its children.
            start_new_session=True,
        )
        try:
            # A cancellation half-way would leave a process that nobody knows.
            transport, _ = await _to_the_end(spawning)
        except (OSError, ValueError) as fault:
            raise _CannotStart(fault) from fault
        return transport

    async def _wait(self, conversation: "_Conversation", *, limit: float | None) -> bool:
        """Wait for the command's exit, and say whether its time was up before."""
        if limit is not None:
            await asyncio.wait([conversation.exited], timeout=limit)
            if not conversation.exited.done():
                return True
        await conversation.exited
        if not conversation.closed.done():
            await asyncio.wait([conversation.closed], timeout=_LINGER)
        return False


class _CannotStart(Exception):
    def __init__(self, reason: OSError | ValueError) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Ending:
    exit_code: int
    timed_out: bool
    # Exit status 0, and no process was left.
    orderly: bool


class _Conversation(asyncio.SubprocessProtocol):
    """Listens to a command: keeps the end of its outputs and hands on their lines."""

    def __init__(self, on_output: OutputCallback | None) -> None:
        loop = asyncio.get_running_loop()
        self.transport: asyncio.SubprocessTransport | None = None
        self.exited: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._on_output = on_output
        self._fault: Exception | None = None
        self._tails = {1: OutputTail(), 2: OutputTail()}
        self._unfinished = {1: b"", 2: b""}

    def output(self, fd: int) -> str:
        return self._tails[fd].text()

    async def finish(self) -> None:
        """Wait for the rest of the outputs, which end once no process holds them."""
        if not self.closed.done():
            await asyncio.wait([self.closed], timeout=_LINGER)
        if self._fault is not None:
            raise self._fault

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._tails[fd].append(data)
        if self._on_output is not None:
            self._hand_on(fd, data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002
        if self._unfinished.get(fd):
            self._hand_on(fd, b"\n")

    def process_exited(self) -> None:
        if not self.exited.done():
            self.exited.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if not self.exited.done():
            self.exited.set_result(None)
        if not self.closed.done():
            self.closed.set_result(None)

    def _hand_on(self, fd: int, data: bytes) -> None:
        # Programs that draw a progress line end it with a carriage return alone.
        *lines, rest = (self._unfinished[fd] + data).replace(b"\r", b"\n").split(b"\n")
        if len(rest) > _MAX_LINE:
            lines.append(rest)
            rest = b""
        self._unfinished[fd] = rest
        for line in lines:
            if line and self._on_output is not None:
                try:
                    self._on_output(_STREAMS[fd], line.decode(errors="replace"))
                except Exception as fault:
                    # The event loop would only log it; whoever waits for the command gets it.
                    self._on_output = None
                    self._fault = fault
                    if not self.exited.done():
                        self.exited.set_result(None)


class _ProcessFamily:
    """A command's process with everything that it started, directly or not.

    Parameters
    ----------
    conversation:
        Knows the first process, which leads a session of its own.
    """

    def __init__(self, conversation: _Conversation) -> None:
        self._conversation = conversation
        #: Only these processes have it in their environment: it finds those that left the
        #: session and whose parent is gone.
        self.marker = secrets.token_hex(8)
        self._since = time.time() - _CLOCK_SLACK

    @property
    def _leader(self) -> int | None:
        transport = self._conversation.transport
        return None if transport is None else transport.get_pid()

    def has_group(self) -> bool:
        """Say whether processes of the command's own group are left."""
        if self._leader is None:
            return False
        try:
            os.killpg(self._leader, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    async def end(self, *, grace: float) -> None:
        """End all processes: ask, wait for up to `grace` seconds, then kill."""
        if self._leader is None:
            return
        if grace > 0:
            await self._signal_until_gone(signal.SIGTERM, seconds=grace)
        await self._signal_until_gone(signal.SIGKILL, seconds=_KILL_PATIENCE)

    async def _signal_until_gone(self, number: signal.Signals, *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        asked: set[psutil.Process] = set()
        while members := await asyncio.to_thread(self._members):
            # A process that forks while it is being ended leaves newcomers to ask.
            for process in members - asked:
                _send(process, number)
            asked |= members
            while any(map(_lives, members)):
                if time.monotonic() > deadline:
                    return
                await asyncio.sleep(_POLL)

    def _members(self) -> set[psutil.Process]:
        parents: dict[psutil.Process, int] = {}
        sessions: dict[psutil.Process, int] = {}
        members: set[psutil.Process] = set()
        for pid in psutil.pids():
            try:
                process = psutil.Process(pid)
                if process.create_time() < self._since or not _lives(process):
                    continue
                parents[process] = process.ppid()
                sessions[process] = os.getsid(pid)
                if sessions[process] == self._leader or self._is_marked(process):
                    members.add(process)
            except (psutil.Error, ProcessLookupError, PermissionError):
                continue
        return _with_relatives(members, parents=parents, sessions=sessions)

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(_MARKER) == self.marker
        except (psutil.Error, OSError):
            return False


def _with_relatives(
    members: set[psutil.Process],
    *,
    parents: Mapping[psutil.Process, int],
    sessions: Mapping[psutil.Process, int],
) -> set[psutil.Process]:
    """Add the members' descendants, and who shares a session that only they can have opened."""
    ours = os.getsid(0)
    while True:
        pids = {process.pid for process in members}
        theirs = {sessions[process] for process in members} - {ours}
        more = {
            process
            for process, parent in parents.items()
            if parent in pids or sessions.get(process) in theirs
        }
        if more <= members:
            return members
        members |= more


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        # It ended meanwhile, or isn't ours to end.
        return


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _beside_interpreter(name: str) -> str | None:
    """Find this project's own command where it was installed, whether or not on PATH."""
    if name != "helios":
        return None
    candidate = Path(sys.executable).parent / name
    return str(candidate) if os.access(candidate, os.X_OK) else None


_Result = TypeVar("_Result")
# Faults of a start that pass when other processes end.
_PASSING = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})


def _unstarted(job: WorkerJob, fault: OSError | ValueError) -> WorkerResult:
    number = fault.errno if isinstance(fault, OSError) else None
    reason = f"{job.command}: can't start in {job.cwd or 'the current folder'}: {fault}"
    if isinstance(fault, ValueError):
        return _refused(CommandInvalid(reason), exit_code=_EXIT_FORBIDDEN)
    if number == errno.ENOSPC:
        return _refused(DiskFull(reason), exit_code=_EXIT_FORBIDDEN)
    passing = number in _PASSING
    return _refused(CommandFailed(reason), exit_code=_EXIT_FORBIDDEN, retryable=passing)


def _refused(error: HeliosError, *, exit_code: int, retryable: bool | None = None) -> WorkerResult:
    record = ErrorRecord.of(error)
    if retryable is not None:
        record = ErrorRecord(code=record.code, message=record.message, retryable=retryable)
    return WorkerResult(exit_code=exit_code, stderr=str(error), error=record)


def _result(
    job: WorkerJob,
    ending: _Ending,
    conversation: _Conversation,
    *,
    started: float,
    limit: float | None,
) -> WorkerResult:
    stderr = conversation.output(2)
    exit_code, error = ending.exit_code, None
    if ending.timed_out:
        exit_code = _EXIT_TIMED_OUT
        error = ErrorRecord.of(CommandTimedOut(f"{job.command}: ended after {limit:g} s"))
    elif exit_code < 0:
        reason = f"{job.command}: killed by {_signal_name(-exit_code)}"
        exit_code = _EXIT_SIGNAL - exit_code
        error = ErrorRecord.of(CommandFailed(reason))
    elif exit_code > 0:
        error = ErrorRecord.of_exit(exit_code, stderr)
    return WorkerResult(
        exit_code=exit_code,
        stdout=conversation.output(1),
        stderr=stderr,
        duration_ms=(time.perf_counter() - started) * 1000,
        error=error,
    )


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


async def _to_the_end(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Finish some cleaning up whatever cancellations come in meanwhile, then pass them on."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as fault:
            cancelled = fault
    if cancelled is not None:
        raise cancelled
    return task.result()


class _ScratchFolders:
    """Temporary folders of commands: empty at a command's start, gone at its end.

    While other commands run, a folder that was left empty is handed on to the next command, since
    making and removing one costs as much as starting a small program.

    Parameters
    ----------
    parent:
        Where the folders are made; the system's place by default.
    """

    def __init__(self, parent: Path | None) -> None:
        self._parent = parent
        self._free: list[str] = []
        self._taken = 0
        # A threaded server may share one executor between event loops.
        self._lock = threading.Lock()

    def take(self) -> str:
        with self._lock:
            self._taken += 1
            if self._free:
                return self._free.pop()
        try:
            return tempfile.mkdtemp(prefix="helios-", dir=self._parent)
        except OSError:
            with self._lock:
                self._taken -= 1
            raise

    async def give_back(self, folder: str, *, unspoilt: bool) -> None:
        unspoilt = unspoilt and _is_empty(folder)
        surplus = [] if unspoilt else [folder]
        with self._lock:
            self._taken -= 1
            if unspoilt:
                self._free.append(folder)
            if not self._taken:
                surplus += self._free
                self._free = []
        for leftover in surplus:
            await _remove(leftover)


def _is_empty(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return False


async def _remove(folder: str) -> None:
    try:
        # Most commands leave their folder empty, which needs no thread to remove.
        os.rmdir(folder)  # noqa: PTH106 - Path.rmdir costs a Path on the fast path
    except OSError:
        await _to_the_end(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
