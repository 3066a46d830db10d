"""Blocking calls beside an event loop, on threads that never keep the process alive."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

#: Seconds that a thread without work stays for the next call.
IDLE = 10.0

_Result = TypeVar("_Result")


class DaemonThreads:
    """Runs blocking calls, each on a thread, as many at once as there may be threads.

    An executor of the standard library waits for its calls when the interpreter ends; a call that
    waits for a worker may take a quarter of an hour, and Ctrl-C should not.

    Args:
        limit: Threads at most, beside those whose calls were abandoned; further calls wait for one.
    """

    def __init__(self, limit: int, *, name: str) -> None:
        self._limit = limit
        self._name = name
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._unfinished = 0
        self._abandoned = 0

    async def run(self, call: Callable[[], _Result]) -> _Result:
        """Run a call on a thread, and return its result or raise its error.

        Cancelling the calling task leaves the call alone once it runs: its outcome is dropped. A
        call that still waits for a thread is never made.
        """
        outcome: Future[_Result] = Future()
        with self._lock:
            self._calls.put((outcome, call))
            self._unfinished += 1
        self._add_thread_if_short()
        try:
            return await asyncio.wrap_future(outcome)
        except asyncio.CancelledError:
            self._abandon(outcome)
            raise

    def _abandon(self, outcome: Future[Any]) -> None:
        """Start another thread in place of one that a call occupies."""
        if not outcome.running():
            return
        with self._lock:
            self._abandoned += 1
        outcome.add_done_callback(self._note_abandoned_end)
        self._add_thread_if_short()

    def _note_abandoned_end(self, _: Future[Any]) -> None:
        with self._lock:
            self._abandoned -= 1

    def _add_thread_if_short(self) -> None:
        with self._lock:
            most = self._limit + self._abandoned
            short = self._unfinished > self._threads and self._threads < most
            self._threads += short
        if short:
            threading.Thread(target=self._serve, name=self._name, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                outcome, call = self._calls.get(timeout=IDLE)
            except Empty:
                with self._lock:
                    if self._calls.empty():
                        self._threads -= 1
                        return
                continue
            if outcome.set_running_or_notify_cancel():
                try:
                    outcome.set_result(call())
                except BaseException as fault:
                    outcome.set_exception(fault)
            # Nothing of a call should outlive it while the thread waits for the next one.
            del outcome, call
            with self._lock:
                self._unfinished -= 1
