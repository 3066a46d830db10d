"""The environments of all functions: started on demand, kept warm, bounded."""

import asyncio
import contextlib
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

from sandbox.aws_lambda.environment import InvocationEnd, LambdaEnvironment, OnLog
from sandbox.aws_lambda.function import LambdaFunction
from sandbox.aws_lambda.runtime import Runtime

#: Seconds that an environment is kept for the next invocation.
KEEP_WARM = 300.0
#: Environments at once on this machine; further invocations wait for one.
ENVIRONMENTS = 8
# Seconds between two searches for idle environments.
_SWEEP = 5.0


class Throttled(Exception):
    """More concurrent invocations than a limit allows; `reason` is Lambda's name of the limit."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LambdaPool:
    """Invokes functions in environments of their own.

    Args:
        make_runtime: Returns the runtime of a function.
        variables: Variables that every environment has.
        folder: For environments' files.
        logs: For their logs.
        environments: Limit of concurrent environments; further invocations wait, as the limit is
            this machine's and not the account's.
        keep_warm: Seconds that an idle environment stays.
        on_log: Called with the log of each invocation: function, log stream, text.
    """

    def __init__(
        self,
        make_runtime: Callable[[LambdaFunction], Runtime],
        *,
        variables: Mapping[str, str],
        folder: Path,
        logs: Path,
        environments: int = ENVIRONMENTS,
        keep_warm: float = KEEP_WARM,
        on_log: OnLog | None = None,
    ) -> None:
        self._on_log = on_log
        self._make_runtime = make_runtime
        self._variables = variables
        self._folder = folder
        self._logs = logs
        self._limit = environments
        self._keep_warm = keep_warm
        self._turns = asyncio.Semaphore(environments)
        self._under_way: dict[str, int] = defaultdict(int)
        self._idle: list[LambdaEnvironment] = []
        self._busy: set[LambdaEnvironment] = set()
        self._endings: set[asyncio.Task[None]] = set()
        self._closed = False
        self._sweeper = asyncio.create_task(self._sweep())

    async def invoke(
        self, function: LambdaFunction, payload: bytes, *, reserved: int | None = None
    ) -> InvocationEnd:
        """Run one invocation.

        Args:
            reserved: Invocations of this function at once.

        Raises:
            Throttled: There are as many as `reserved` already.
        """
        if reserved is not None and self._under_way[function.name] >= reserved:
            raise Throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
        self._under_way[function.name] += 1
        try:
            return await self._invoke(function, payload)
        finally:
            self._under_way[function.name] -= 1

    async def close(self) -> None:
        """End all environments."""
        self._sweeper.cancel()
        # A waiting invocation would start another environment.
        self._closed = True
        while environments := {*self._busy, *self._idle}:
            await asyncio.gather(*(environment.end() for environment in environments))
            if self._endings:
                await asyncio.wait(set(self._endings))
            self._busy -= environments
            self._idle = [e for e in self._idle if e not in environments]

    async def _invoke(self, function: LambdaFunction, payload: bytes) -> InvocationEnd:
        await self._turns.acquire()
        try:
            environment = await self._warm_or_new(function)
        except BaseException:
            self._turns.release()
            raise
        try:
            end = await environment.invoke(payload, request_id=str(uuid.uuid4()))
            # So that the next invocation reuses this environment.
            await environment.rest()
            return end
        except BaseException:
            environment.alive = False
            raise
        finally:
            self._put_back(environment)

    async def _warm_or_new(self, function: LambdaFunction) -> LambdaEnvironment:
        if self._closed:
            raise RuntimeError("the pool is closed")
        # The one used last has the warmest caches.
        for environment in reversed(self._idle):
            if environment.function == function:
                self._idle.remove(environment)
                self._busy.add(environment)
                return environment
        if len(self._idle) + len(self._busy) >= self._limit and self._idle:
            await self._idle.pop(0).end()
        environment = LambdaEnvironment(
            function,
            runtime=self._make_runtime(function),
            variables=self._variables,
            folder=self._folder,
            logs=self._logs,
            on_log=self._on_log,
        )
        self._busy.add(environment)
        try:
            await environment.start()
        except BaseException:
            self._busy.discard(environment)
            await environment.end()
            raise
        return environment

    def _put_back(self, environment: LambdaEnvironment) -> None:
        if environment.alive:
            self._busy.discard(environment)
            self._idle.append(environment)
            self._turns.release()
            return
        # Not awaited, as the caller doesn't need the end of the processes.
        ending = asyncio.ensure_future(self._end(environment))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def _end(self, environment: LambdaEnvironment) -> None:
        try:
            await environment.end()
        finally:
            self._busy.discard(environment)
            self._turns.release()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(_SWEEP, self._keep_warm))
            before = time.monotonic() - self._keep_warm
            for environment in [e for e in self._idle if e.idle_since < before]:
                self._idle.remove(environment)
                with contextlib.suppress(OSError):
                    await environment.end()
