"""One Lambda execution environment: a warm runtime behind its own Runtime API."""

import asyncio
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sandbox.aws_lambda.function import LambdaFunction
from sandbox.aws_lambda.runtime import Runtime
from sandbox.aws_lambda.runtime_api import Outcome, RuntimeApi, RuntimeRequest, error_outcome

#: Minimum time limit in seconds for loading the function; otherwise that of an invocation.
INIT_TIMEOUT = 10.0
#: Bytes of the log that an invocation's caller may get.
LOG_TAIL = 4096


#: Called with the log of an invocation: function, log stream, text.
OnLog = Callable[[LambdaFunction, str, str], None]


@dataclass(frozen=True, slots=True)
class InvocationEnd:
    """The result of an invocation, and the end of its log."""

    outcome: Outcome
    log_tail: bytes


class LambdaEnvironment:
    """Runs one invocation at a time, all in the same processes.

    Args:
        function: The function.
        runtime: How it runs.
        variables: Variables that every environment has, such as endpoints and credentials.
        folder: For its files while it lives.
        logs: Keeps its log, one file an environment.
        on_log: Called with the log of each invocation: function, log stream, text.
    """

    def __init__(
        self,
        function: LambdaFunction,
        *,
        runtime: Runtime,
        variables: Mapping[str, str],
        folder: Path,
        logs: Path,
        on_log: OnLog | None = None,
    ) -> None:
        self.function = function
        self._on_log = on_log
        self.alive = True
        self.idle_since = time.monotonic()
        self._id = secrets.token_hex(16)
        self._log_stream = f"{time.strftime('%Y/%m/%d')}/[$LATEST]{self._id}"
        self._runtime = runtime
        self._variables = variables
        self._folder = folder / self._id
        self._log_file = logs / function.name / f"{self._id}.log"
        self._log: IO[bytes] | None = None
        self._api = RuntimeApi()
        self._exited: asyncio.Task[str] | None = None

    async def start(self) -> None:
        """Start the runtime, which begins to load the function."""
        self._folder.mkdir(parents=True)
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        self._log = self._log_file.open("ab", buffering=0)
        address = await self._api.start()
        variables = {**self.function.variables, **self._variables, **self._own_variables()}
        await self._runtime.start(
            {**variables, "AWS_LAMBDA_RUNTIME_API": address},
            folder=self._folder,
            log=self._log,
            on_event=self._note,
        )
        self._exited = asyncio.create_task(self._runtime.exited())

    async def invoke(self, payload: bytes, *, request_id: str) -> InvocationEnd:
        """Run one invocation; if it ends the runtime, end the environment, too."""
        log_start = self._log_file.stat().st_size
        self._note(f"START RequestId: {request_id} Version: $LATEST")
        started = time.monotonic()
        outcome = await self._run(payload, request_id)
        self._note(f"END RequestId: {request_id}")
        self._report(request_id, time.monotonic() - started)
        with self._log_file.open("rb") as log:
            log.seek(log_start)
            written = log.read()
        if self._on_log is not None:
            self._on_log(self.function, self._log_stream, written.decode(errors="replace"))
        return InvocationEnd(outcome, written[-LOG_TAIL:])

    async def rest(self) -> None:
        """Wait until the runtime is ready for the next invocation, and suspend it."""
        if self.alive and await self._reaches(self._api.asked(), seconds=self.function.timeout):
            await self._runtime.freeze()
            self.idle_since = time.monotonic()
        else:
            self.alive = False

    async def end(self) -> None:
        """End its processes, and remove its files but the log."""
        self.alive = False
        await self._runtime.kill()
        if self._exited is not None:
            self._exited.cancel()
        await self._api.stop()
        if self._log is not None:
            self._log.close()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _run(self, payload: bytes, request_id: str) -> Outcome:
        prefix = f"RequestId: {request_id} Error:"
        await self._runtime.thaw()
        init_limit = max(INIT_TIMEOUT, self.function.timeout)
        if not await self._reaches(self._api.asked(), seconds=init_limit):
            return self._ended(prefix, after=init_limit)
        limit = self.function.timeout
        request = RuntimeRequest(
            request_id=request_id,
            payload=payload,
            deadline=time.time() + limit,
            function_arn=self.function.arn,
        )
        answer = asyncio.create_task(self._api.hand_over(request))
        if await self._reaches(answer, seconds=limit):
            return answer.result()
        return self._ended(prefix, after=limit)

    async def _reaches(self, goal: Awaitable[Any], *, seconds: float) -> bool:
        """Return whether an event occurs before the runtime ends, fails or exceeds its time."""
        awaited = asyncio.ensure_future(goal)
        try:
            await asyncio.wait(
                {awaited, self._life, self._api.init_error},
                timeout=seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            return awaited.done()
        finally:
            awaited.cancel()

    def _ended(self, prefix: str, *, after: float) -> Outcome:
        """Return the error for a runtime that ended early, and discard the environment."""
        self.alive = False
        if self._api.init_error.done():
            return self._api.init_error.result()
        if self._life.done():
            how = self._life.result()
            return error_outcome("Runtime.ExitError", f"{prefix} Runtime exited with error: {how}")
        return error_outcome(
            "Sandbox.Timedout", f"{prefix} Task timed out after {after:.2f} seconds"
        )

    @property
    def _life(self) -> asyncio.Task[str]:
        if self._exited is None:
            raise RuntimeError("the environment wasn't started")
        return self._exited

    def _own_variables(self) -> dict[str, str]:
        function = self.function
        return {
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_megabytes),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self._log_stream,
            "_HANDLER": function.handler,
            "TZ": ":UTC",
        }

    def _report(self, request_id: str, seconds: float) -> None:
        used = self._runtime.peak_memory >> 20
        parts = [
            f"REPORT RequestId: {request_id}",
            f"Duration: {seconds * 1000:.2f} ms",
            f"Memory Size: {self.function.memory_megabytes} MB",
            *([f"Max Memory Used: {used} MB"] if used else []),
            *(["Error Type: Runtime.OutOfMemory"] if self._runtime.ran_out_of_memory else []),
        ]
        self._note("\t".join(parts))

    def _note(self, line: str) -> None:
        if self._log is not None and not self._log.closed:
            self._log.write(f"{line}\n".encode())
