"""Runs the renders of one instance: limits their concurrency, and ends them early."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future

from helios.contract.invocation import Invocation, InvocationResponse
from helios.errors import Cancelled, HeliosError, WorkerThrottled, WorkerUnavailable
from helios.process.output_capture import OutputCallback
from helios.worker.responses import failure
from helios.worker.runtime import WorkerRuntime
from helios.worker.worker_log import WorkerLog

#: Seconds for ending a command, cleaning up and answering.
ENDING = 4.0

#: HTTP status and answer.
Answer = tuple[int, InvocationResponse]


class Renders:
    """Runs invocations in an event loop in a separate thread.

    Args:
        runtime: Answers invocations.
        concurrency: Limit of concurrent invocations.
        time_limit: Time limit of each in seconds; None for no limit.
    """

    def __init__(
        self, runtime: WorkerRuntime, *, concurrency: int, time_limit: float | None = None
    ) -> None:
        self._runtime = runtime
        self._concurrency = concurrency
        self._time_limit = time_limit
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._running = 0
        self._draining = False
        # Used in the loop's thread only.
        self._reasons: dict[asyncio.Task[Answer], HeliosError | None] = {}

    @property
    def draining(self) -> bool:
        """Whether the instance is about to end, and refuses invocations."""
        return self._draining

    def begin(
        self,
        invocation: Invocation,
        *,
        log: WorkerLog,
        on_output: OutputCallback | None = None,
        caller: socket.socket | None = None,
    ) -> "Future[Answer]":
        """Start an invocation, and return a future for its answer.

        Raises `WorkerThrottled` if the limit of concurrent invocations is reached, and
        `WorkerUnavailable` if the instance is about to end.

        Args:
            invocation: The invocation.
            log: Log of its events.
            on_output: Called, in the loop's thread, for each line of a command's output.
            caller: The request's connection; the invocation ends when the caller closes it.
        """
        with self._lock:
            if self._draining:
                raise _ending()
            if self._running >= self._concurrency:
                raise WorkerThrottled(
                    f"this instance takes {self._concurrency} render(s) at once, and is busy"
                )
            self._running += 1
            loop = self._loop = self._loop or _loop_in_a_thread()
        return asyncio.run_coroutine_threadsafe(
            self._answer(invocation, log=log, on_output=on_output, caller=caller), loop
        )

    def drain(self, seconds: float) -> None:
        """Refuse invocations, and end running ones after some seconds; safe in signal handlers.

        Args:
            seconds: Seconds until the process is killed; invocations end `ENDING` seconds before
                that.
        """
        self._draining = True
        if self._loop is None:
            return
        patience = max(seconds / 2, seconds - ENDING)
        loop = self._loop
        loop.call_soon_threadsafe(loop.call_later, patience, self._end_all)

    def end(self, answer: "Future[Answer]") -> None:
        """End an invocation whose caller has disconnected."""
        answer.cancel()

    def _end_all(self) -> None:
        for task in self._reasons:
            self._end(task, _ending())

    def _end(self, task: "asyncio.Task[Answer]", reason: HeliosError) -> None:
        if self._reasons.get(task) is None:
            self._reasons[task] = reason
            task.cancel()

    async def _answer(
        self,
        invocation: Invocation,
        *,
        log: WorkerLog,
        on_output: OutputCallback | None,
        caller: socket.socket | None,
    ) -> Answer:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("there is no task to end")
        self._reasons[task] = None
        try:
            with self._listening(caller, task):
                return await self._runtime.answer(
                    invocation.payload(), deadline=self._time_limit, on_output=on_output, log=log
                )
        except asyncio.CancelledError:
            reason = self._reasons[task] or _gone()
            log.warning("invocation.cancelled", code=reason.code, message=reason.message)
            _, response = failure(reason)
            return 503, response
        finally:
            # Before the answer is sent, so that the caller's next request isn't throttled.
            del self._reasons[task]
            with self._lock:
                self._running -= 1

    @contextlib.contextmanager
    def _listening(
        self, caller: socket.socket | None, task: "asyncio.Task[Answer]"
    ) -> Iterator[None]:
        """End a task when its caller closes the connection."""
        loop = asyncio.get_running_loop()
        # Readable bytes of an encrypted connection may belong to the protocol, not to the caller.
        if type(caller) is not socket.socket:
            yield
            return

        def look() -> None:
            try:
                data = own.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            loop.remove_reader(own)
            # Other bytes are a pipelined request.
            if not data:
                self._end(task, _gone())

        # On a duplicate, as the server may close its descriptor, whose number is then reused.
        with caller.dup() as own:
            loop.add_reader(own, look)
            try:
                yield
            finally:
                loop.remove_reader(own)


def _ending() -> WorkerUnavailable:
    return WorkerUnavailable("the worker's instance is shutting down", hint="Try again.")


def _gone() -> Cancelled:
    return Cancelled("the caller has closed the connection")


def _loop_in_a_thread() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="renders", daemon=True).start()
    return loop
