"""Executions of jobs: their tasks as real processes, with retries, until they are cancelled."""

import contextlib
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from google.cloud import run_v2

#: Starts a task's process from the container's command and variables.
TaskStarter = Callable[[Sequence[str], Mapping[str, str]], "subprocess.Popen[bytes]"]

#: Seconds between SIGTERM and SIGKILL.
GRACE = 10.0


class RunningTasks:
    """The tasks of one execution.

    Args:
        execution: The execution; its counts are kept up to date.
        container: Command of each task, run with the execution's variables.
        start: Starts a task's process.
        at_once: Tasks at the same time at most.
    """

    def __init__(
        self,
        execution: run_v2.Execution,
        container: run_v2.Container,
        *,
        start: TaskStarter,
        at_once: int,
    ) -> None:
        self._execution = execution
        self._container = container
        self._start = start
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._finished = threading.Event()
        self._pool = ThreadPoolExecutor(max_workers=min(at_once, execution.task_count))
        threading.Thread(target=self._run_all, daemon=True).start()

    @property
    def finished(self) -> bool:
        """Whether all tasks have ended."""
        return self._finished.is_set()

    def cancel(self) -> None:
        """End all tasks."""
        self._cancelled.set()
        with self._lock:
            processes = list(self._processes)
        for process in processes:
            process.terminate()

    def wait(self, timeout: float) -> bool:
        """Wait until all tasks have ended."""
        return self._finished.wait(timeout)

    def _run_all(self) -> None:
        try:
            list(self._pool.map(self._run_task, range(self._execution.task_count)))
        finally:
            self._pool.shutdown()
            self._finished.set()

    def _run_task(self, index: int) -> None:
        with self._lock:
            self._execution.running_count += 1
        outcome = self._outcome(index)
        with self._lock:
            self._execution.running_count -= 1
            name = f"{outcome}_count"
            setattr(self._execution, name, getattr(self._execution, name) + 1)

    def _outcome(self, index: int) -> str:
        for attempt in range(self._execution.template.max_retries + 1):
            if self._cancelled.is_set():
                return "cancelled"
            if self._attempt(index, attempt) == 0:
                return "succeeded"
            if not self._cancelled.is_set() and attempt < self._execution.template.max_retries:
                with self._lock:
                    self._execution.retried_count += 1
        return "cancelled" if self._cancelled.is_set() else "failed"

    def _attempt(self, index: int, attempt: int) -> int:
        env = {
            # The caller passes the values of Secret Manager.
            **{v.name: v.value for v in self._container.env if not v.value_source},
            "CLOUD_RUN_JOB": self._execution.job,
            "CLOUD_RUN_EXECUTION": self._execution.name.rpartition("/")[2],
            "CLOUD_RUN_TASK_INDEX": str(index),
            "CLOUD_RUN_TASK_ATTEMPT": str(attempt),
            "CLOUD_RUN_TASK_COUNT": str(self._execution.task_count),
        }
        command = [*self._container.command, *self._container.args]
        process = self._start(command, env)
        with self._lock:
            self._processes.add(process)
        if self._cancelled.is_set():
            process.terminate()
        try:
            return self._end_of(process)
        finally:
            with self._lock:
                self._processes.discard(process)

    def _end_of(self, process: "subprocess.Popen[bytes]") -> int:
        limit = self._execution.template.timeout.total_seconds() or None
        with contextlib.suppress(subprocess.TimeoutExpired):
            while limit is None or limit > 0:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return process.wait(timeout=0.2)
                limit = None if limit is None else limit - 0.2
                if self._cancelled.is_set():
                    return process.wait(timeout=GRACE)
        process.kill()
        return process.wait()
